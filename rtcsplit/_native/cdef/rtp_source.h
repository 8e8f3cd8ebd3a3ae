struct rs_rtp_source {
    uint32_t ssrc;
    uint32_t clock_rate;
    uint16_t max_sequence;
    uint32_t wraps;
    uint8_t probation;
    uint8_t has_departed;
    uint64_t jitter;
    uint64_t received;
    uint64_t octets;
    double last_heard;
    uint64_t received_prior;
    int64_t expected_prior;
    uint64_t received_before;
    int64_t lost_before;
    ...;
};
void rs_rtp_source_init(struct rs_rtp_source *source, uint32_t ssrc, uint16_t sequence_number, uint32_t clock_rate,
                        uint8_t probation, double now);
bool rs_rtp_source_receive(struct rs_rtp_source *source, uint16_t sequence_number, uint32_t timestamp, uint32_t octets,
                           uint32_t clock_rate, double now);
void rs_rtp_source_depart(struct rs_rtp_source *source, uint8_t probation, double now);
int64_t rs_rtp_source_expected(const struct rs_rtp_source *source);
int64_t rs_rtp_source_lost(const struct rs_rtp_source *source);
