static const double RS_RTP_SILENCE;
struct rs_rtp_stream {
    uint32_t ssrc;
    uint32_t timestamp;
    uint16_t sequence_number;
    uint8_t has_begun;
    uint32_t clock_rate;
    double horizon;
    uint64_t packets;
    uint64_t octets;
};
struct rs_rtp_step {
    uint32_t clock_rate;
    uint32_t duration;
    uint32_t gap;
    uint8_t payload_type;
    uint8_t has_marker;
    uint8_t is_gap_by_now;
};
void rs_rtp_stream_next(struct rs_rtp_stream *stream, const struct rs_rtp_step *step, uint32_t payload_length,
                        double now, uint8_t *header);
