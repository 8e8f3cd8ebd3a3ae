#include "recent_clients.h"

#include "flow_table.h"

/* The half of the hash that is kept; its lowest bit is set so that an empty place equals no client. */
static uint32_t name_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

void rs_recent_clients_mark(struct rs_recent_clients *clients, uint64_t hash, uint32_t now_ms)
{
    atomic_store_explicit(&clients->places[hash % RS_RECENT_CLIENTS], (uint64_t)name_of(hash) << 32 | now_ms,
                          memory_order_relaxed);
}

bool rs_recent_clients_has(const struct rs_recent_clients *clients, uint64_t hash, uint32_t now_ms)
{
    uint64_t place = atomic_load_explicit(&clients->places[hash % RS_RECENT_CLIENTS], memory_order_relaxed);
    return place >> 32 == name_of(hash) && rs_age_ms(now_ms, (uint32_t)place) < RS_RECENT_MS;
}
