/* The one RTP stream that we send to a peer (RFC 3550 section 5.1): its numbers, its clock and its counts.
 *
 * The stream keeps a horizon: the time at which what was sent so far has been played if the first packet plays at once.
 * The next packet's timestamp is the instant of the horizon, so a sender that runs ahead of real time (generated
 * speech) gets contiguous timestamps, and one that falls behind by more than RS_RTP_SILENCE has been silent. */
#ifndef RS_RTP_STREAM_H
#define RS_RTP_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "rtp.h"

#define RS_RTP_SILENCE 0.1 /* seconds behind the horizon; less is a late timer, and timestamps stay contiguous */

struct rs_rtp_stream {
    uint32_t ssrc;
    uint32_t timestamp; /* of the next packet */
    uint16_t sequence_number;
    uint8_t has_begun;   /* a packet was sent under this SSRC */
    uint32_t clock_rate; /* Hz, of the latest packet */
    double horizon;      /* when the next packet plays; no meaning before the first */
    uint64_t packets;    /* in all */
    uint64_t octets;     /* payload octets in all */
};

/* One packet to send. */
struct rs_rtp_step {
    uint32_t clock_rate;
    uint32_t duration; /* of the payload, in that clock; not 0 */
    uint32_t gap;      /* silence before it, likewise */
    uint8_t payload_type;
    uint8_t has_marker;    /* the first packet has it always */
    uint8_t is_gap_by_now; /* the gap is what `now` says, and a gap sets the marker (RFC 3551 section 4.1) */
};

/* Numbers the next packet and writes its header. */
void rs_rtp_stream_next(struct rs_rtp_stream *stream, const struct rs_rtp_step *step, uint32_t payload_length,
                        double now, uint8_t header[RS_RTP_HEADER_SIZE]);

#endif
