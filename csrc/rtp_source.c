#include "rtp_source.h"

#include <stddef.h>

/* RFC 3550 appendix A.1 */
#define MAX_DROPOUT 3000u
#define MAX_MISORDER 100u
#define SEQUENCE_MODULUS 65536u

_Static_assert(offsetof(struct rs_rtp_source, received_prior) == 64, "a packet touches one cache line");

static void start(struct rs_rtp_source *source, uint16_t sequence_number)
{
    source->base_sequence = source->max_sequence = sequence_number;
    source->bad_sequence = -1;
    source->wraps = 0;
    source->received = source->received_prior = 0;
    source->expected_prior = 0;
}

void rs_rtp_source_init(struct rs_rtp_source *source, uint32_t ssrc, uint16_t sequence_number, uint32_t clock_rate,
                        uint8_t probation, double now)
{
    *source = (struct rs_rtp_source){.ssrc = ssrc, .clock_rate = clock_rate, .probation = probation, .last_heard = now};
    start(source, sequence_number);
    source->max_sequence = (uint16_t)(sequence_number - 1);
}

int64_t rs_rtp_source_expected(const struct rs_rtp_source *source)
{
    return (int64_t)source->wraps * SEQUENCE_MODULUS + source->max_sequence - source->base_sequence + 1;
}

int64_t rs_rtp_source_lost(const struct rs_rtp_source *source)
{
    int64_t lost = source->received ? rs_rtp_source_expected(source) - (int64_t)source->received : 0;
    return source->lost_before + lost;
}

static void restart(struct rs_rtp_source *source, uint16_t sequence_number)
{
    source->lost_before = rs_rtp_source_lost(source);
    source->received_before += source->received;
    source->has_transit = 0;
    start(source, sequence_number);
}

/* Whether the packet ends the probation. */
static bool prove(struct rs_rtp_source *source, uint16_t sequence_number, uint32_t delta)
{
    source->max_sequence = sequence_number;
    if (delta != 1) {
        source->probation = 1; /* this packet may be the first of its sequence */
        return false;
    }
    if (--source->probation)
        return false;
    start(source, sequence_number);
    source->has_departed = 0;
    return true;
}

/* Whether the packet counts (RFC 3550 appendix A.1). */
static bool validate(struct rs_rtp_source *source, uint16_t sequence_number)
{
    uint32_t delta = (uint16_t)(sequence_number - source->max_sequence);
    if (source->probation)
        return prove(source, sequence_number, delta);
    if (delta < MAX_DROPOUT) {
        source->wraps += sequence_number < source->max_sequence;
        source->max_sequence = sequence_number;
    } else if (delta <= SEQUENCE_MODULUS - MAX_MISORDER) {
        if (sequence_number != source->bad_sequence) {
            source->bad_sequence = (uint16_t)(sequence_number + 1);
            return false;
        }
        restart(source, sequence_number);
    }
    return true;
}

static void note_transit(struct rs_rtp_source *source, uint32_t timestamp, uint32_t clock_rate, double now)
{
    uint32_t transit = (uint32_t)(uint64_t)(now * clock_rate + 0.5) - timestamp;
    if (clock_rate != source->clock_rate) {
        /* Another payload type with another clock: the two transit times cannot be compared (RFC 7160 section 4.1). */
        source->jitter = source->jitter * clock_rate / source->clock_rate;
        source->clock_rate = clock_rate;
        source->has_transit = 0;
    }
    if (source->has_transit) {
        uint32_t difference = transit - source->transit;
        if (difference & 0x80000000u)
            difference = 0u - difference;
        source->jitter += difference - ((source->jitter + 8) >> 4);
    }
    source->transit = transit;
    source->has_transit = 1;
}

bool rs_rtp_source_receive(struct rs_rtp_source *source, uint16_t sequence_number, uint32_t timestamp, uint32_t octets,
                           uint32_t clock_rate, double now)
{
    source->last_heard = now;
    if (!validate(source, sequence_number))
        return false;
    source->received++;
    source->octets += octets;
    note_transit(source, timestamp, clock_rate, now);
    return true;
}

void rs_rtp_source_depart(struct rs_rtp_source *source, uint8_t probation, double now)
{
    source->last_heard = now;
    source->has_departed = 1;
    restart(source, source->max_sequence);
    source->probation = probation;
}
