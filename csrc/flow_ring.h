/* A queue of flows between two threads that never wait: one pushes, one pops. When the one that pops is late, the
 * oldest flows are lost and counted, never the newest, and never the time of the one that pushes.
 *
 * It lies in one block of memory without pointers. A slot carries the number of the flow in it, so that the reader
 * knows a flow that was overwritten under its eyes; a writer that died halfway leaves a slot that counts as empty. */
#ifndef RS_FLOW_RING_H
#define RS_FLOW_RING_H

#include <stdatomic.h>
#include <stdint.h>

#include "flow_table.h"

#define RS_FLOW_RING 1024 /* flows, a power of two */
#define RS_FLOW_RING_WORDS (sizeof(struct rs_flow) / sizeof(uint64_t))

struct rs_flow_ring_slot {
    _Atomic uint64_t state; /* 2n + 2: holds flow n; odd: being written */
    _Atomic uint64_t words[RS_FLOW_RING_WORDS];
};

/* Zeroed is empty. */
struct rs_flow_ring {
    _Alignas(64) _Atomic uint64_t pushed; /* written by the one that pushes */
    _Alignas(64) _Atomic uint64_t popped; /* by the one that pops, as is `lost` */
    _Atomic uint64_t lost;
    struct rs_flow_ring_slot slots[RS_FLOW_RING];
};

/* The one thread that pushes. */
void rs_flow_ring_push(struct rs_flow_ring *ring, const struct rs_flow *flow);

/* The one thread that pops: the oldest flows that are still there, at most `max`; returns how many. */
unsigned rs_flow_ring_pop(struct rs_flow_ring *ring, struct rs_flow *out, unsigned max);

/* Any thread. Whether there is nothing to pop. */
static inline bool rs_flow_ring_is_empty(const struct rs_flow_ring *ring)
{
    return atomic_load_explicit(&ring->pushed, memory_order_acquire) ==
           atomic_load_explicit(&ring->popped, memory_order_relaxed);
}

/* Any thread. Flows that were pushed and will never be popped, as far as the one that pops has noticed. */
uint64_t rs_flow_ring_lost(const struct rs_flow_ring *ring);

#endif
