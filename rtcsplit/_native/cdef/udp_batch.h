#define RS_UDP_BATCH ...
#define RS_UDP_HEADROOM ...
#define RS_UDP_PAYLOAD ...

struct rs_udp_socket {
    int fd;
    int family;
    struct rs_address bound;
    bool has_many_locals;
    ...;
};
struct rs_udp_batch {
    ...;
};
enum rs_status rs_udp_socket_init(struct rs_udp_socket *out, int fd, bool wants_local);
void rs_udp_batch_init(struct rs_udp_batch *batch);
