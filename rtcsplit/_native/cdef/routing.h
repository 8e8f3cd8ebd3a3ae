#define RS_ROUTING_RELAYS ...

struct rs_route {
    struct rs_address address;
    uint16_t cluster;
    uint16_t transceiver;
    uint16_t is_routed;
    uint16_t relay;
    uint16_t reads_trunks;
};
struct rs_routing_parts {
    const struct rs_hint_keys *keys;
    const struct rs_route *routes;
    size_t route_count;
    const struct rs_address *own;
    size_t own_count;
    const struct rs_network *readmitted;
    size_t readmitted_count;
    const struct rs_network *relays;
    size_t relay_count;
};
struct rs_routing;

size_t rs_routing_size(const struct rs_routing_parts *parts);
enum rs_status rs_routing_init(struct rs_routing *routing, size_t size, const struct rs_routing_parts *parts,
                               uint64_t generation);
bool rs_routing_admits_client(const struct rs_routing *routing, const struct rs_address *client);
