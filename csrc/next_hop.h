/* Which of a cluster's relays gets a client's datagrams, and which of them are left alone for a while.
 *
 * Each client has an order of its own over the relays of a cluster, the same at every relay that sends there
 * (rendezvous hashing), so that the clients of one that goes away are spread over the others, and nobody else moves.
 * The first of the order that answers gets a new client; who has one that answers keeps it.
 *
 * A relay is left when the kernel says that nobody is there, or when datagrams went up to it for RS_HOP_SILENT_MS and
 * nothing came down. It is left for a second, and twice as long each time that it does no better, up to half a minute;
 * anything that comes down from it ends that. When all are left, clients stay where they are.
 *
 * Health is a worker's own: its uplink thread decides, its downlink thread notes who is heard. */
#ifndef RS_NEXT_HOP_H
#define RS_NEXT_HOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "routing.h"

#define RS_HOP_SILENT_MS 150
#define RS_HOP_PAUSE_MS 1000
#define RS_HOP_LONGEST_PAUSE_MS 32000

/* One relay's health. Zeroed is unknown. */
struct rs_hop {
    _Atomic uint32_t heard_ms;   /* written by the downlink */
    _Atomic uint32_t is_refused; /* by any thread, and taken back by the uplink */
    uint32_t id;                 /* whose health this is; the uplink's, as is all below */
    uint32_t asked_ms;           /* nothing has come down since, though datagrams went up all the time */
    uint32_t sent_ms;
    uint32_t left_ms;
    uint32_t pause_ms; /* 0: not left since it was last heard */
    bool is_left;
};

struct rs_hops {
    struct rs_hop hop[RS_ROUTING_RELAYS];
};

/* A relay's name within its cluster, 1..2^30-1, which lasts as long as its address: what a flow's `via` holds. */
uint32_t rs_hop_id(const struct rs_route *relay);

/* Uplink. The relay that a datagram of `client` is sent to now, and takes note that it is. `first` is what
 * rs_routing_find returned, `via` the id of the relay that the client has, 0 if none. */
const struct rs_route *rs_next_hop(struct rs_hops *hops, const struct rs_route *first, const struct rs_address *client,
                                   uint32_t via, uint32_t now_ms);

/* Downlink. Something came from `relay`. */
static inline void rs_hop_heard(struct rs_hops *hops, const struct rs_route *relay, uint32_t now_ms)
{
    _Atomic uint32_t *heard_ms = &hops->hop[relay->relay - 1].heard_ms;
    if (atomic_load_explicit(heard_ms, memory_order_relaxed) != now_ms)
        atomic_store_explicit(heard_ms, now_ms, memory_order_relaxed);
}

/* Any thread. Nobody receives at `relay`, as the kernel says. */
static inline void rs_hop_refused(struct rs_hops *hops, const struct rs_route *relay)
{
    atomic_store_explicit(&hops->hop[relay->relay - 1].is_refused, 1, memory_order_relaxed);
}

#endif
