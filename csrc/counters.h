/* What one direction of one worker counts. One thread writes, any thread reads, nobody waits.
 *
 * Every datagram received is sent or counted under one drop reason: rx_datagrams = tx_datagrams + the sum of drops
 * whenever the worker is between two batches. */
#ifndef RS_COUNTERS_H
#define RS_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "classify.h"
#include "drop.h"

enum rs_flow_event {
    RS_FLOW_EVENT_CREATED,   /* an embryonic flow, by a client's binding request */
    RS_FLOW_EVENT_CONFIRMED, /* by its transceiver's first datagram that is not STUN */
    RS_FLOW_EVENT_MOVED,     /* a confirmed flow went over to another transceiver or worker */
    RS_FLOW_EVENT_EXPIRED,   /* nothing renewed it in time */
    RS_FLOW_EVENT_EVICTED,   /* lost its place: the table was full, or its session has newer flows */
    RS_FLOW_EVENT_RECOVERED, /* confirmed by its transceiver's datagram alone, or embryonic from the flow cache */
    RS_FLOW_EVENT_CONFLICT,  /* a request for a client address that a living flow of another transceiver has */
    RS_FLOW_EVENT_RESCUED,   /* RTP of a known source from an address without a flow, routed like that source's */
    RS_FLOW_EVENT_COUNT
};

#define RS_KIND_OTHER (RS_KIND_RTCP + 1)
#define RS_KIND_COUNT (RS_KIND_OTHER + 1)

struct rs_counters {
    _Alignas(64) _Atomic uint64_t rx_datagrams; /* no cache line is shared with another writer's counters */
    _Atomic uint64_t rx_bytes;
    _Atomic uint64_t tx_datagrams;
    _Atomic uint64_t tx_bytes;
    _Atomic uint64_t cpu_ns;               /* CPU time of the thread */
    _Atomic uint64_t kinds[RS_KIND_COUNT]; /* of received datagrams */
    _Atomic uint64_t events[RS_FLOW_EVENT_COUNT];
    _Atomic uint64_t drops[RS_DROP_COUNT];
};

#define RS_COUNTERS (offsetof(struct rs_counters, drops) / sizeof(uint64_t) + RS_DROP_COUNT)

/* The writer's: a plain load and store, which no other writer can come between. */
static inline void rs_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Any thread: all counters in the order of the struct, each as of some moment of the call. */
void rs_counters_read(const struct rs_counters *counters, uint64_t out[RS_COUNTERS]);

#endif
