size_t rs_srtp_batch_open(struct rs_session_table *table, struct rs_udp_batch *batch, struct rs_fact *facts,
                          size_t count, double now, struct rs_echoes *echoes);
enum rs_status rs_srtp_batch_load(struct rs_udp_batch *batch, const uint8_t *octets, size_t octets_len,
                                  const uint32_t *lengths, struct rs_srtp *const *srtp, size_t count);
void rs_srtp_batch_describe(const struct rs_udp_batch *batch, const struct rs_path *paths, size_t count,
                            struct rs_fact *facts);
