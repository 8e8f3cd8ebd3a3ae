#define RS_RTCP_MAX_MEMBERS ...
struct rs_rtp_header {
    uint32_t timestamp;
    uint32_t ssrc;
    uint32_t header_length;
    uint32_t extension_length;
    uint16_t sequence_number;
    uint16_t extension_profile;
    uint8_t payload_type;
    uint8_t csrc_count;
    uint8_t has_marker;
    uint8_t has_padding;
    uint8_t has_extension;
};
struct rs_rtp_packet {
    struct rs_rtp_header header;
    uint32_t payload_length;
};
struct rs_rtcp_member {
    uint32_t offset;
    uint32_t length;
    uint8_t packet_type;
    uint8_t count;
};
enum rs_drop rs_rtp_parse(const uint8_t *data, size_t len, struct rs_rtp_header *out);
enum rs_drop rs_rtp_parse_packet(const uint8_t *data, size_t len, struct rs_rtp_packet *out);
enum rs_drop rs_rtcp_walk(const uint8_t *data, size_t len, struct rs_rtcp_member *members, unsigned *count);
