/* Where the RTP of a source went last, by its SSRC: one thread notes, any thread asks.
 *
 * Direct-mapped by a keyed hash, so that another source in the same place takes it over: nobody outside can choose whom
 * they displace, and who is displaced is noted again with their next packet. The same source somewhere else is not
 * noted while it lives where it was, so that who copies an SSRC does not divert it. */
#ifndef RS_SSRC_ROUTES_H
#define RS_SSRC_ROUTES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RS_SSRC_ROUTES 32768
#define RS_SSRC_ROUTE_MS 10000 /* a source that was not heard for so long is forgotten */

/* Zeroed is empty. */
struct rs_ssrc_routes {
    _Atomic uint64_t places[RS_SSRC_ROUTES]; /* SSRC, cluster and transceiver */
    _Atomic uint32_t seen_ms[RS_SSRC_ROUTES];
};

void rs_ssrc_routes_note(struct rs_ssrc_routes *routes, uint64_t hash, uint32_t ssrc, uint32_t ids, uint32_t now_ms);

/* `ids` gets cluster << 16 | transceiver; false: the source was not noted within the last RS_SSRC_ROUTE_MS. */
bool rs_ssrc_routes_find(const struct rs_ssrc_routes *routes, uint64_t hash, uint32_t ssrc, uint32_t now_ms,
                         uint32_t *ids);

#endif
