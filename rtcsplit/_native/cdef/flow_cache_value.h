#define RS_FLOW_CACHE_VALUE_SIZE ...
struct rs_flow_cache_keys {
    uint8_t mac[16][16];
};
void rs_flow_cache_value_build(const struct rs_flow_cache_keys *keys, const struct rs_address *client,
                               const uint8_t *hint, uint32_t expiry, uint8_t *out);
enum rs_status rs_flow_cache_value_open(const struct rs_flow_cache_keys *keys, const struct rs_hint_keys *hints,
                                        const struct rs_address *client, const uint8_t *value, size_t len,
                                        uint32_t now, struct rs_hint *out);
