struct rs_path_socket {
    struct rs_udp_socket udp;
    bool is_relayed;
    const struct rs_network *networks;
    size_t network_count;
};
struct rs_path_turn {
    uint32_t received;
    uint32_t kept;
    uint32_t returned;
    uint32_t failed;
    double now;
};
enum rs_status rs_path_socket_send(const struct rs_path_socket *socket, struct rs_udp_batch *batch,
                                   const uint8_t *octets, size_t octets_len, const uint32_t *lengths,
                                   struct rs_srtp *const *srtp, const struct rs_path *paths, size_t count,
                                   uint8_t *drops);
