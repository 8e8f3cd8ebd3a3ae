#define RS_FLOW_CAPACITY_MAX ...

struct rs_flow {
    struct rs_address client;
    uint8_t hint[18];
    uint16_t cluster;
    uint16_t transceiver;
    uint16_t has_hint;
    uint16_t reserved;
    uint32_t via;
};
struct rs_flow_ref {
    struct rs_flow flow;
    uint32_t slot;
    uint32_t seq;
    uint32_t renewed_ms;
    uint32_t alive_ms;
};
struct rs_flow_settings {
    uint32_t capacity;
    uint32_t lifetime_ms;
    uint32_t hint_ways;
    uint8_t secret[16];
};
struct rs_flow_table;
enum rs_flow_outcome { RS_FLOW_CREATED, RS_FLOW_REPLACED, RS_FLOW_EVICTED, RS_FLOW_REFUSED };

size_t rs_flow_table_size(const struct rs_flow_settings *settings);
enum rs_status rs_flow_table_init(struct rs_flow_table *table, size_t size, const struct rs_flow_settings *settings);
uint64_t rs_flow_hash(const uint8_t *secret, const struct rs_address *client);
bool rs_flow_table_find(const struct rs_flow_table *table, uint64_t hash, const struct rs_address *client,
                        uint32_t now_ms, struct rs_flow_ref *out);
unsigned rs_flow_table_find_hint(const struct rs_flow_table *table, const uint8_t *hint, uint32_t now_ms,
                                 struct rs_flow_ref *out, unsigned max);
void rs_flow_table_mark_routes(const struct rs_flow_table *table, uint32_t now_ms, uint32_t mask,
                               const uint32_t *ids, size_t count, uint8_t *marks);
void rs_flow_table_end(struct rs_flow_table *table, const struct rs_flow_ref *ref);
uint32_t rs_flow_table_count(const struct rs_flow_table *table);
enum rs_flow_outcome rs_flow_table_put(struct rs_flow_table *table, uint64_t hash, const struct rs_flow *flow,
                                       uint32_t now_ms, bool may_evict);
void rs_flow_table_renew(struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t now_ms);
void rs_flow_table_keep_alive(struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t now_ms);
unsigned rs_flow_table_sweep(struct rs_flow_table *table, uint32_t now_ms);
