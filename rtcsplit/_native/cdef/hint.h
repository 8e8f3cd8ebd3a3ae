#define RS_HINT_SIZE ...
#define RS_HINT_TEXT_SIZE ...
#define RS_HINT_NONCE_SIZE ...
#define RS_HINT_MAX_KEYS ...
struct rs_hint_keys {
    uint32_t present;
    ...;
};
struct rs_hint {
    uint8_t raw[...];
    uint8_t key_id;
    uint8_t nonce[...];
    uint16_t cluster;
    uint16_t transceiver;
};
void rs_hint_keys_init(struct rs_hint_keys *keys);
enum rs_status rs_hint_keys_set(struct rs_hint_keys *keys, unsigned id, const uint8_t *tag, const uint8_t *mask);
enum rs_status rs_hint_mint(const struct rs_hint_keys *keys, unsigned key_id, uint16_t cluster, uint16_t transceiver,
                            const uint8_t *nonce, char *out);
enum rs_status rs_hint_open(const struct rs_hint_keys *keys, const uint8_t *text, size_t len, struct rs_hint *out);
enum rs_status rs_hint_open_raw(const struct rs_hint_keys *keys, const uint8_t *raw, struct rs_hint *out);
