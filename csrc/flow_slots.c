#include "flow_slots.h"

#include <string.h>

#define HINT_WAYS_MAX 64
#define READ_ATTEMPTS 64 /* a writer is at a slot for nanoseconds; one that was stopped there makes us miss */

_Static_assert(sizeof(struct rs_flow_slot) == 64, "a slot is a cache line");
_Static_assert(offsetof(struct rs_flow, has_hint) % sizeof(uint64_t) == 0, "a flow is read and written in words");
_Static_assert(sizeof(struct rs_flow) % sizeof(uint64_t) == 0, "and is pushed and popped in words");

#define ALIGNED(octets) (((octets) + 63u) & ~(size_t)63u)
#define HEADER ALIGNED(sizeof(struct rs_flow_table))

/* Half as many slots again as flows: with two choices of eight, one flow in about 10^7 finds both buckets full. */
static uint32_t buckets_for(uint32_t capacity)
{
    return (capacity + capacity / 2 + RS_FLOW_BUCKET - 1) / RS_FLOW_BUCKET + 1;
}

/* Twice as many index places as flows. */
static uint32_t hint_rows_for(const struct rs_flow_settings *settings)
{
    return 2 * settings->capacity / settings->hint_ways + 1;
}

static bool is_valid(const struct rs_flow_settings *settings)
{
    return settings->capacity >= 1 && settings->capacity <= RS_FLOW_CAPACITY_MAX && settings->hint_ways >= 1 &&
           settings->hint_ways <= HINT_WAYS_MAX && settings->lifetime_ms >= 1 && settings->lifetime_ms <= INT32_MAX;
}

static size_t slots_octets(uint32_t buckets)
{
    return (size_t)buckets * RS_FLOW_BUCKET * sizeof(struct rs_flow_slot);
}

static size_t tags_octets(uint32_t buckets)
{
    return ALIGNED((size_t)buckets * RS_FLOW_BUCKET * sizeof(uint32_t));
}

size_t rs_flow_table_size(const struct rs_flow_settings *settings)
{
    if (!is_valid(settings))
        return 0;
    uint32_t buckets = buckets_for(settings->capacity);
    size_t index = (size_t)hint_rows_for(settings) * settings->hint_ways * sizeof(uint32_t);
    return HEADER + slots_octets(buckets) + tags_octets(buckets) + ALIGNED(index);
}

enum rs_status rs_flow_table_init(struct rs_flow_table *table, size_t size, const struct rs_flow_settings *settings)
{
    if (!is_valid(settings) || size < rs_flow_table_size(settings) || (uintptr_t)table % 64 != 0)
        return RS_INVALID;
    table->settings = *settings;
    table->buckets = buckets_for(settings->capacity);
    table->hint_rows = hint_rows_for(settings);
    table->slots_offset = HEADER;
    table->tags_offset = HEADER + slots_octets(table->buckets);
    table->index_offset = table->tags_offset + tags_octets(table->buckets);
    return RS_OK;
}

enum rs_status rs_flow_table_check(const struct rs_flow_table *table, size_t size,
                                   const struct rs_flow_settings *settings)
{
    if (!is_valid(settings) || size < rs_flow_table_size(settings) || (uintptr_t)table % 64 != 0)
        return RS_INVALID;
    bool is_ours = memcmp(&table->settings, settings, sizeof *settings) == 0 &&
                   table->buckets == buckets_for(settings->capacity) && table->hint_rows == hint_rows_for(settings) &&
                   table->slots_offset == HEADER && table->tags_offset == HEADER + slots_octets(table->buckets) &&
                   table->index_offset == table->tags_offset + tags_octets(table->buckets);
    return is_ours ? RS_OK : RS_MALFORMED;
}

bool rs_flow_slot_read(const struct rs_flow_table *table, uint32_t number, struct rs_flow_ref *out)
{
    struct rs_flow_slot *slot = rs_flow_slot_at(table, number);
    for (unsigned attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        uint64_t words[RS_FLOW_WORDS], way;
        uint32_t before = atomic_load_explicit(&slot->seq, memory_order_acquire);
        if (before % 2 != 0)
            continue;
        for (unsigned i = 0; i < RS_FLOW_WORDS; i++)
            words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
        way = atomic_load_explicit(&slot->way, memory_order_relaxed);
        out->renewed_ms = rs_flow_load(&slot->renewed_ms);
        out->alive_ms = rs_flow_load(&slot->alive_ms);
        atomic_thread_fence(memory_order_acquire);
        if (rs_flow_load(&slot->seq) != before)
            continue;
        memcpy(&out->flow, words, sizeof words);
        out->flow.has_hint = way & 1;
        out->flow.reserved = 0;
        out->flow.via = (uint32_t)way >> 1;
        out->slot = number;
        out->seq = before;
        return true;
    }
    return false;
}

void rs_flow_slot_write(struct rs_flow_table *table, uint32_t number, const struct rs_flow *flow, uint32_t now_ms)
{
    struct rs_flow_slot *slot = rs_flow_slot_at(table, number);
    uint64_t words[RS_FLOW_WORDS] = {0};
    uint32_t writing = rs_flow_load(&slot->seq) | 1; /* odd already where a writer died */
    if (flow != NULL)
        memcpy(words, flow, sizeof words);
    rs_flow_store(&slot->seq, writing);
    atomic_thread_fence(memory_order_release);
    for (unsigned i = 0; i < RS_FLOW_WORDS; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&slot->way, flow == NULL ? 0 : rs_flow_way(writing + 1, flow), memory_order_relaxed);
    rs_flow_store(&slot->renewed_ms, now_ms);
    rs_flow_store(&slot->alive_ms, now_ms);
    atomic_store_explicit(&slot->seq, writing + 1, memory_order_release);
}
