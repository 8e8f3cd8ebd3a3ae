#define RS_RELAY_WORKERS_MAX ...
#define RS_RELAY_EMBRYONIC_FLOWS ...
#define RS_RELAY_CONFIRMED_MS ...
#define RS_UPLINK ...
#define RS_DOWNLINK ...

enum rs_direction { RS_DIRECTIONS, ... };
struct rs_relay_shard {
    struct rs_counters counters[2];
    struct rs_flow_ring missed;
    struct rs_flow_ring learned;
    struct rs_flow_ring confirmed;
    ...;
};
struct rs_relay_worker {
    struct rs_relay_shard *shard;
    struct rs_flow_table *embryonic;
    struct rs_flow_table *confirmed;
    ...;
};
struct rs_relay {
    struct rs_relay_worker worker[...];
    ...;
};
struct rs_relay_settings {
    uint32_t workers;
    uint32_t confirmed_flows;
    uint8_t secret[16];
};
size_t rs_relay_region_size(const struct rs_relay_settings *settings);
enum rs_status rs_relay_init(struct rs_relay *relay, const struct rs_relay_settings *settings, void *region,
                             size_t size);
enum rs_status rs_relay_open(struct rs_relay *relay, const struct rs_relay_settings *settings, void *region,
                             size_t size);
size_t rs_relay_region_held(const struct rs_relay_settings *settings, const void *region, size_t size);
void rs_relay_share(struct rs_relay *relay, struct rs_seats *seats);
void rs_relay_tune(struct rs_relay *relay, bool sends_runs, uint32_t internal_mtu, uint32_t coalesce_us);
enum rs_status rs_relay_attach(struct rs_relay *relay, uint32_t index, int public_fd, int upstream_fd, int cpu);
void rs_relay_serve_relays(struct rs_relay *relay, uint32_t index);
void rs_relay_rescue_uplink(struct rs_relay *relay, uint32_t index);
void rs_relay_publish(struct rs_relay *relay, const struct rs_routing *routing);
uint64_t rs_relay_oldest_generation(const struct rs_relay *relay);
void rs_relay_mark_routes(const struct rs_relay *relay, uint32_t now_ms, uint32_t mask, const uint32_t *ids,
                          size_t count, uint8_t *marks);
void rs_relay_uplink(struct rs_relay_worker *worker, const struct rs_routing *routing, struct rs_datagram *datagrams,
                     unsigned count, uint32_t now_ms);
void rs_relay_downlink(struct rs_relay_worker *worker, const struct rs_routing *routing,
                       struct rs_datagram *datagrams, unsigned count, uint32_t now_ms);
void rs_relay_settle(struct rs_counters *counters, const struct rs_datagram *datagrams, unsigned count);
enum rs_status rs_relay_run(struct rs_relay *relay, uint32_t index, enum rs_direction direction);
void rs_relay_stop(struct rs_relay *relay);
