/* Where the relay may send, as one immutable value: hint keys, directory, and who is no client.
 *
 * The control thread builds a new one in memory of its own and publishes it whole; workers read, and never write. What
 * has gone is not in the new value: a datagram meets either the old directory or the new one. */
#ifndef RS_ROUTING_H
#define RS_ROUTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "hint.h"
#include "network.h"
#include "status.h"

#define RS_ROUTING_RELAYS 512 /* of all clusters */

/* One transceiver, or one of the relays of another cluster: any of these leads to any transceiver there. */
struct rs_route {
    struct rs_address address; /* internal; proxied datagrams go there and come from there */
    uint16_t cluster;
    uint16_t transceiver; /* 0 for a relay */
    uint16_t is_routed;   /* 0: dead, kept only because nothing is ever sent to its address as to a client's */
    uint16_t relay; /* 0: a transceiver. Else a relay; in a value its number 1..RS_ROUTING_RELAYS, by its address */
    uint16_t reads_trunks; /* 0: plain datagrams only */
};

/* What a routing value is made from; borrowed for the call, copied. */
struct rs_routing_parts {
    const struct rs_hint_keys *keys;
    const struct rs_route *routes; /* relays of one cluster one after the other */
    size_t route_count;
    const struct rs_address *own; /* the relay's own addresses */
    size_t own_count;
    const struct rs_network *readmitted; /* clients may be here although rs_address_is_denied says no */
    size_t readmitted_count;
    const struct rs_network *relays; /* other relays' datagrams come from here, and nowhere else */
    size_t relay_count;
};

struct rs_routing;

/* Octets that the value takes; 0 if there is more than 2^20 of anything, or more than RS_ROUTING_RELAYS relays. */
size_t rs_routing_size(const struct rs_routing_parts *parts);

/* Builds the value in `size` octets of zeroed memory aligned to 16. Of several routed entries with one route or one
 * address the first counts. RS_INVALID: `size` is not enough. */
enum rs_status rs_routing_init(struct rs_routing *routing, size_t size, const struct rs_routing_parts *parts,
                               uint64_t generation);

uint64_t rs_routing_generation(const struct rs_routing *routing);
const struct rs_hint_keys *rs_routing_keys(const struct rs_routing *routing);

/* The routed entry with these ids, or else the first relay of that cluster; the entry with this address; NULL: none.
 * Valid as long as the value. */
const struct rs_route *rs_routing_find(const struct rs_routing *routing, uint16_t cluster, uint16_t transceiver);
const struct rs_route *rs_routing_find_source(const struct rs_routing *routing, const struct rs_address *address);

/* The relay of the same cluster after this one; NULL: it is the last, or no relay. */
const struct rs_route *rs_routing_next_relay(const struct rs_route *relay);

/* Whether datagrams may go to this client address. Never to an address and port of ours or of the directory. Else yes
 * for re-admitted networks, no for the ranges of rs_address_is_denied and for any port of our own or the directory's
 * hosts. */
bool rs_routing_admits_client(const struct rs_routing *routing, const struct rs_address *client);

/* Whether other relays may be there. */
bool rs_routing_trusts_relay(const struct rs_routing *routing, const struct rs_address *address);

#endif
