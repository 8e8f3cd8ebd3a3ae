/* RTP of a received batch that was opened: taken by the sessions that may take it without asking, and sent back by
 * those that echo, as a batch of their own. */
#ifndef RS_RTP_BATCH_H
#define RS_RTP_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "fact.h"
#include "session_table.h"
#include "udp_batch.h"

/* What goes back, echoes and feedback: the first `count` slots of `batch`, protected, each to its path. The paths are
 * the sessions', and change when their owner says so. */
struct rs_echoes {
    struct rs_udp_batch *batch;
    uint32_t count;
    uint32_t reserved; /* slots for the packets behind this one */
    const struct rs_path *paths[RS_UDP_BATCH];
};

/* Lets the session take a plain packet of the batch number `turn`, and has it sent back where the session echoes. The
 * packet's form in `fact` becomes RS_FORM_TAKEN, or its drop RS_DROP_RTP_PROBATION. Where the session has to ask, it
 * stays as it is, and so do all of its packets behind it in the batch: Python decides in order of arrival. Returns
 * whether Python has something to learn of it. */
bool rs_rtp_batch_take(const struct rs_session_entry *entry, uint64_t turn, struct rs_fact *fact,
                       struct rs_rtp_header *header, struct rs_span payload, double now, struct rs_echoes *echoes);

#endif
