/* What a receiver knows of one synchronization source (RFC 3550 appendices A.1, A.3 and A.8).
 *
 * Sequence numbers and timestamps go in, not packets. Their arithmetic is modulo 2^16 and 2^32, as the RFC's C is. What
 * every packet touches is one cache line. */
#ifndef RS_RTP_SOURCE_H
#define RS_RTP_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct rs_rtp_source {
    uint32_t ssrc;
    uint32_t clock_rate; /* Hz, of the latest packet's payload type */
    uint16_t max_sequence;
    uint16_t base_sequence;
    int32_t bad_sequence; /* the one that would show a restart; -1: none */
    uint32_t wraps;       /* of the sequence number */
    uint32_t transit;     /* arrival less timestamp of the latest packet, in its clock */
    uint8_t probation;    /* packets in sequence that are still wanted; 0: it counts */
    uint8_t has_transit;
    uint8_t has_departed; /* it said BYE, and has not proved itself since */
    uint64_t jitter;      /* in 1/16 of a timestamp unit */
    uint64_t received;    /* packets that counted, since the latest restart */
    uint64_t octets;      /* of their payloads, and of those before the restarts */
    double last_heard;    /* seconds */
    /* Of the reports and the restarts: */
    uint64_t received_prior;
    int64_t expected_prior;
    uint64_t received_before; /* the latest restart */
    int64_t lost_before;
};

/* Begins a source that counts after `probation` packets in sequence, `sequence_number` being the first. */
void rs_rtp_source_init(struct rs_rtp_source *source, uint32_t ssrc, uint16_t sequence_number, uint32_t clock_rate,
                        uint8_t probation, double now);

/* Counts a packet of `octets` of payload. false: it does not count. The source is on probation, or the packet is so far
 * from the others that only its successor will tell whether the source restarted. */
bool rs_rtp_source_receive(struct rs_rtp_source *source, uint16_t sequence_number, uint32_t timestamp, uint32_t octets,
                           uint32_t clock_rate, double now);

/* Takes note of its BYE: what comes after it has to prove itself by `probation` packets (RFC 3550 section 6.3.4). */
void rs_rtp_source_depart(struct rs_rtp_source *source, uint8_t probation, double now);

/* Packets expected since the latest restart. */
int64_t rs_rtp_source_expected(const struct rs_rtp_source *source);

/* Expected less received, over all restarts; negative with duplicates. */
int64_t rs_rtp_source_lost(const struct rs_rtp_source *source);

#endif
