#include "rate_limit.h"

#define WINDOW_MS 1000

bool rs_rate_take(struct rs_rate *rate, uint32_t per_second, uint32_t now_ms)
{
    if (now_ms - rate->window_ms >= WINDOW_MS)
        *rate = (struct rs_rate){now_ms, 0};
    if (rate->taken >= per_second)
        return false;
    rate->taken++;
    return true;
}

bool rs_keyed_rates_take(struct rs_keyed_rates *rates, uint64_t hash, uint32_t per_second, uint32_t now_ms)
{
    return rs_rate_take(&rates->rates[hash % RS_KEYED_RATES], per_second, now_ms);
}
