#include "ssrc_routes.h"

#include "flow_table.h"

#define STALE_MS 1000 /* noting more often would only dirty the cache */

void rs_ssrc_routes_note(struct rs_ssrc_routes *routes, uint64_t hash, uint32_t ssrc, uint32_t ids, uint32_t now_ms)
{
    size_t at = hash % RS_SSRC_ROUTES;
    uint64_t place = (uint64_t)ssrc << 32 | ids;
    uint64_t held = atomic_load_explicit(&routes->places[at], memory_order_relaxed);
    uint32_t age = rs_age_ms(now_ms, atomic_load_explicit(&routes->seen_ms[at], memory_order_relaxed));
    if (held == place ? age < STALE_MS : held >> 32 == ssrc && held != 0 && age < RS_SSRC_ROUTE_MS)
        return;
    /* Between the two stores a reader may take the new source for one of the old one's age: off by ten seconds at most,
     * and the transceiver's keys decide anyway. */
    atomic_store_explicit(&routes->places[at], place, memory_order_relaxed);
    atomic_store_explicit(&routes->seen_ms[at], now_ms, memory_order_relaxed);
}

bool rs_ssrc_routes_find(const struct rs_ssrc_routes *routes, uint64_t hash, uint32_t ssrc, uint32_t now_ms,
                         uint32_t *ids)
{
    size_t at = hash % RS_SSRC_ROUTES;
    uint64_t place = atomic_load_explicit(&routes->places[at], memory_order_relaxed);
    if (place == 0 || place >> 32 != ssrc ||
        rs_age_ms(now_ms, atomic_load_explicit(&routes->seen_ms[at], memory_order_relaxed)) >= RS_SSRC_ROUTE_MS)
        return false;
    *ids = (uint32_t)place;
    return true;
}
