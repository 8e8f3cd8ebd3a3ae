#define RS_FORM_RECEIVED ...
#define RS_FORM_PLAIN ...
#define RS_FORM_RTP ...
#define RS_FORM_TAKEN ...
#define RS_FORM_NEWS ...
#define RS_NO_AUDIO_LEVEL ...

struct rs_path {
    struct rs_address client;
    struct rs_address relay;
    struct rs_address proxy;
};
struct rs_fact {
    struct rs_path path;
    uint8_t kind;
    uint8_t drop;
    uint32_t offset;
    uint32_t len;
    uint64_t session;
    uint32_t timestamp;
    uint32_t ssrc;
    uint16_t sequence_number;
    uint16_t extension_profile;
    uint16_t header_length;
    uint16_t extension_length;
    uint16_t payload_length;
    uint8_t payload_type;
    uint8_t csrc_count;
    uint8_t has_marker;
    uint8_t has_extension;
    uint8_t form;
    uint8_t has_news;
    uint16_t audio_level;
};
