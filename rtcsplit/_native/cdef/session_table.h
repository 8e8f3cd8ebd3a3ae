struct rs_session_entry {
    uint64_t session;
    struct rs_srtp *srtp;
    struct rs_rtp_session *rtp;
    struct rs_address client;
};
struct rs_session_table {
    struct rs_session_entry *entries;
    size_t capacity;
    size_t count;
    uint64_t batches;
    uint8_t secret[16];
};
enum rs_status rs_session_table_put(struct rs_session_table *table, const struct rs_address *client, uint64_t session,
                                    struct rs_srtp *srtp, struct rs_rtp_session *rtp);
void rs_session_table_remove(struct rs_session_table *table, const struct rs_address *client);
