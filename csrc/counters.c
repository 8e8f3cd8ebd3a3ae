#include "counters.h"

_Static_assert(sizeof(_Atomic uint64_t) == sizeof(uint64_t), "counters are an array of words");

void rs_counters_read(const struct rs_counters *counters, uint64_t out[RS_COUNTERS])
{
    const _Atomic uint64_t *words = &counters->rx_datagrams;
    for (size_t i = 0; i < RS_COUNTERS; i++)
        out[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
}
