/* When which packet of a transport came, and the feedback that says so
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01 sections 2 and 3.1).
 *
 * A message is due 200 ms after the first arrival that no message has named, so that an idle call sends none. A packet
 * that comes after it was reported lost is reported again, with all that followed it; one that comes so late that this
 * is not known any more is not. */
#ifndef RS_ARRIVALS_H
#define RS_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RS_ARRIVALS 128         /* sequence numbers that are known: two seconds of a call */
#define RS_ARRIVALS_MESSAGE 384 /* octets at most: head, 10 chunks up to the known ones, 19 for these, their deltas */
#define RS_ARRIVALS_HEADER 12   /* of the RTCP packet around it */

/* Times are seconds of one clock, from 0 on. */
struct rs_arrivals {
    double due;                          /* when there is something to say; RS_ARRIVALS_NEVER */
    double sent_at;                      /* the latest message; 0: none */
    uint64_t highest, next;              /* extended sequence numbers: seen so far, and to be reported next */
    uint64_t forgotten;                  /* no number up to this can be said any more */
    uint32_t pending;                    /* arrivals that no message has named */
    uint32_t ssrc;                       /* of the packet that came last */
    uint64_t messages;                   /* so far */
    uint64_t received[RS_ARRIVALS / 64]; /* a bit for each of the latest numbers, modulo RS_ARRIVALS */
    uint32_t ticks[RS_ARRIVALS];         /* when, in 250 us */
};

#define RS_ARRIVALS_NEVER 1e18

/* Zeroed memory is made an empty log. */
void rs_arrivals_init(struct rs_arrivals *arrivals);

/* Takes note of a packet of `ssrc` with a transport-wide number. Returns whether it changed when something is due.
 * One that would push out others that no message has named is not noted: it counts as lost. */
bool rs_arrivals_note(struct rs_arrivals *arrivals, uint16_t number, uint32_t ssrc, double now);

/* Writes the next message, control information alone, and returns its length: what is to be said now is one, or more
 * where the times of arrivals are farther apart than one can say. 0: that was all, until the next arrival. */
size_t rs_arrivals_take(struct rs_arrivals *arrivals, double now, uint8_t message[RS_ARRIVALS_MESSAGE]);

/* The same as an RTCP packet of `sender`, reduced-size (RFC 5506). */
size_t rs_arrivals_packet(struct rs_arrivals *arrivals, uint32_t sender, double now,
                          uint8_t packet[RS_ARRIVALS_HEADER + RS_ARRIVALS_MESSAGE]);

#endif
