/* Clients that sent a routed request a moment ago, without any flow: one thread marks, any thread asks.
 *
 * Direct-mapped by the client's keyed hash: a later client in the same place takes it over, so a flood can shorten the
 * memory of a client and nothing else. */
#ifndef RS_RECENT_CLIENTS_H
#define RS_RECENT_CLIENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RS_RECENT_CLIENTS 8192
#define RS_RECENT_MS 2000

/* Zeroed is empty. */
struct rs_recent_clients {
    _Atomic uint64_t places[RS_RECENT_CLIENTS]; /* half of the hash, and when */
};

void rs_recent_clients_mark(struct rs_recent_clients *clients, uint64_t hash, uint32_t now_ms);

/* Whether the client was marked within the last RS_RECENT_MS. */
bool rs_recent_clients_has(const struct rs_recent_clients *clients, uint64_t hash, uint32_t now_ms);

#endif
