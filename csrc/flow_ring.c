#include "flow_ring.h"

#include <string.h>

_Static_assert(sizeof(struct rs_flow) % sizeof(uint64_t) == 0, "a flow is read and written in words");
_Static_assert((RS_FLOW_RING & (RS_FLOW_RING - 1)) == 0, "numbers wrap at a multiple of the size");

void rs_flow_ring_push(struct rs_flow_ring *ring, const struct rs_flow *flow)
{
    uint64_t number = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    struct rs_flow_ring_slot *slot = &ring->slots[number % RS_FLOW_RING];
    uint64_t words[RS_FLOW_RING_WORDS];
    memcpy(words, flow, sizeof words);
    atomic_store_explicit(&slot->state, 2 * number + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (unsigned i = 0; i < RS_FLOW_RING_WORDS; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&slot->state, 2 * number + 2, memory_order_release);
    atomic_store_explicit(&ring->pushed, number + 1, memory_order_release);
}

static bool read_slot(const struct rs_flow_ring *ring, uint64_t number, struct rs_flow *out)
{
    const struct rs_flow_ring_slot *slot = &ring->slots[number % RS_FLOW_RING];
    uint64_t words[RS_FLOW_RING_WORDS];
    if (atomic_load_explicit(&slot->state, memory_order_acquire) != 2 * number + 2)
        return false;
    for (unsigned i = 0; i < RS_FLOW_RING_WORDS; i++)
        words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != 2 * number + 2)
        return false;
    memcpy(out, words, sizeof *out);
    return true;
}

unsigned rs_flow_ring_pop(struct rs_flow_ring *ring, struct rs_flow *out, unsigned max)
{
    uint64_t pushed = atomic_load_explicit(&ring->pushed, memory_order_acquire);
    uint64_t number = atomic_load_explicit(&ring->popped, memory_order_relaxed);
    uint64_t lost = 0;
    unsigned count = 0;
    if (pushed - number > RS_FLOW_RING) {
        lost = pushed - number - RS_FLOW_RING;
        number += lost;
    }
    for (; number != pushed && count < max; number++) {
        if (read_slot(ring, number, &out[count]))
            count++;
        else
            lost++; /* overwritten since we looked at `pushed` */
    }
    atomic_store_explicit(&ring->lost, atomic_load_explicit(&ring->lost, memory_order_relaxed) + lost,
                          memory_order_relaxed);
    atomic_store_explicit(&ring->popped, number, memory_order_release);
    return count;
}

uint64_t rs_flow_ring_lost(const struct rs_flow_ring *ring)
{
    return atomic_load_explicit(&ring->lost, memory_order_relaxed);
}
