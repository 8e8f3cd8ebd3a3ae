#include "rtp_stream.h"

#include "wire.h"

static uint32_t gap_by(const struct rs_rtp_step *step, double behind)
{
    if (!(behind > RS_RTP_SILENCE))
        return 0;
    /* Whole durations keep the timestamps on the grid of the frames before the silence. Rounded up, because what is
     * left behind at each silence would add up: after an hour of them reports would pair times that are seconds apart
     * (RFC 3550 section 6.4.1), and every packet would look late. */
    uint64_t units = (uint64_t)(behind * step->clock_rate);
    return (uint32_t)((units + step->duration - 1) / step->duration * step->duration);
}

void rs_rtp_stream_next(struct rs_rtp_stream *stream, const struct rs_rtp_step *step, uint32_t payload_length,
                        double now, uint8_t header[RS_RTP_HEADER_SIZE])
{
    double horizon = stream->has_begun ? stream->horizon : now;
    uint32_t gap = step->is_gap_by_now ? gap_by(step, now - horizon) : step->gap;
    bool has_marker = step->has_marker || !stream->has_begun || (step->is_gap_by_now && gap != 0);
    uint32_t timestamp = stream->timestamp + gap;
    double played = horizon + (double)gap / step->clock_rate;
    header[0] = 0x80;
    header[1] = (uint8_t)(step->payload_type | (has_marker ? 0x80 : 0));
    rs_write_u16be(header + 2, stream->sequence_number);
    rs_write_u32be(header + 4, timestamp);
    rs_write_u32be(header + 8, stream->ssrc);
    stream->sequence_number++;
    stream->timestamp = timestamp + step->duration;
    stream->horizon = (played > now ? played : now) + (double)step->duration / step->clock_rate;
    stream->has_begun = 1;
    stream->clock_rate = step->clock_rate;
    stream->packets++;
    stream->octets += payload_length;
}
