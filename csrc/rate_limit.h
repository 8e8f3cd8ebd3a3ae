/* How often something may happen: so many per second, counted in windows of a second. One thread. */
#ifndef RS_RATE_LIMIT_H
#define RS_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* One limit; zeroed is unused. */
struct rs_rate {
    uint32_t window_ms; /* start of the window */
    uint32_t taken;
};

/* Whether one more is within `per_second`; if so it is taken. */
bool rs_rate_take(struct rs_rate *rate, uint32_t per_second, uint32_t now_ms);

#define RS_KEYED_RATES 1024

/* Many limits by a 64-bit hash of what they are for; zeroed is unused. Two keys that meet in one place share its
 * window, so the sum of both stays within the limit of one: never more than allowed, at times less. */
struct rs_keyed_rates {
    struct rs_rate rates[RS_KEYED_RATES];
};

bool rs_keyed_rates_take(struct rs_keyed_rates *rates, uint64_t hash, uint32_t per_second, uint32_t now_ms);

#endif
