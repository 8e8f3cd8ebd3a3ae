#define RS_UDP_BATCH ...
#define RS_UDP_HEADROOM ...
#define RS_UDP_PAYLOAD ...

struct rs_datagram {
    uint8_t *data;
    uint32_t len;
    uint32_t drop;
    struct rs_address peer;
    struct rs_address local;
    bool may_join_trunk;
};
struct rs_udp_socket {
    int fd;
    int family;
    struct rs_address bound;
    bool has_many_locals;
    bool sends_runs;
    bool receives_runs;
    uint32_t trunk_payload;
    ...;
};
struct rs_udp_batch {
    struct rs_datagram datagrams[...];
    ...;
};
enum rs_status rs_udp_socket_init(struct rs_udp_socket *out, int fd, bool wants_local);
uint32_t rs_udp_payload(const struct rs_udp_socket *socket, uint32_t mtu);
void rs_udp_receive_runs(struct rs_udp_socket *socket);
void rs_udp_batch_init(struct rs_udp_batch *batch);
struct rs_datagram *rs_udp_slot(struct rs_udp_batch *batch, unsigned index);
