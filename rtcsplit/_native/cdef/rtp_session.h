#define RS_RTP_CODECS ...
#define RS_RTP_SOURCES ...
#define RS_RTP_MAX_PAYLOAD ...

struct rs_rtp_codec {
    uint8_t payload_type;
    uint8_t format;
    uint8_t channels;
    uint8_t is_inbound;
    uint32_t clock_rate;
};
struct rs_rtp_session {
    struct rs_path path;
    uint8_t is_open;
    uint8_t echoes;
    uint8_t delivers;
    uint8_t codec_count;
    uint8_t source_count;
    uint8_t transport_id;
    uint8_t audio_level_id;
    uint8_t allows_two_byte;
    uint8_t watches_gaps;
    uint8_t reports_arrivals;
    uint16_t watched_number;
    uint32_t watched_ssrc;
    double send_from, send_until;
    struct rs_rtp_source *sources[...];
    struct rs_rtp_codec codecs[...];
    double heard_at;
    double sent_at;
    struct rs_rtp_stream stream;
    struct rs_arrivals *arrivals;
    struct rs_sent_packets *sent;
    ...;
};
size_t rs_rtp_session_echo(struct rs_rtp_session *session, uint8_t payload_type, bool has_marker, uint32_t timestamp,
                           struct rs_span payload, double now, uint8_t *packet);
