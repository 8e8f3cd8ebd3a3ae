struct rs_path {
    struct rs_address client;
    struct rs_address relay;
    struct rs_address proxy;
};
struct rs_path_fact {
    struct rs_path path;
    uint8_t kind;
    uint8_t drop;
    uint32_t offset;
    uint32_t len;
};
struct rs_path_socket {
    struct rs_udp_socket udp;
    bool is_relayed;
    const struct rs_network *networks;
    size_t network_count;
};
int rs_path_socket_receive(const struct rs_path_socket *socket, struct rs_udp_batch *batch,
                           struct rs_path_fact *facts);
enum rs_status rs_path_socket_send(const struct rs_path_socket *socket, struct rs_udp_batch *batch,
                                   const uint8_t *octets, size_t octets_len, const uint32_t *lengths,
                                   const struct rs_path *paths, size_t count, uint8_t *drops);
