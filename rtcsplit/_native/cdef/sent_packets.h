#define RS_SENT_PACKETS ...
#define RS_SENT_OCTETS ...

struct rs_sent_packet {
    double at;
    uint32_t len;
    uint8_t octets[...];
};
struct rs_sent_packets {
    uint32_t count;
    struct rs_sent_packet packets[...];
};
