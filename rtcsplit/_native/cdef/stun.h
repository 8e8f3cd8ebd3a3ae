#define RS_STUN_HEADER_SIZE ...
#define RS_STUN_TRANSACTION_ID_SIZE ...
#define RS_STUN_MAX_ATTRIBUTES ...
#define RS_STUN_USERNAME_MAX ...
#define RS_STUN_UFRAG_SIZE ...
struct rs_stun_attribute {
    uint16_t type;
    uint16_t length;
    uint32_t offset;
};
struct rs_stun_message {
    uint16_t type;
    uint16_t count;
    uint8_t transaction_id[12];
    struct rs_stun_attribute attributes[...];
};
enum rs_drop rs_stun_check_header(const uint8_t *data, size_t len);
enum rs_drop rs_stun_parse(const uint8_t *data, size_t len, struct rs_stun_message *out);
enum rs_drop rs_stun_server_ufrag(const uint8_t *data, size_t len, struct rs_span *ufrag);
