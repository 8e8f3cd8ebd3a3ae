/* The flow table's memory: its layout, and how one slot is read while another thread writes it. Not for use outside
 * the table's own files. */
#ifndef RS_FLOW_SLOTS_H
#define RS_FLOW_SLOTS_H

#include "flow_table.h"

#define RS_FLOW_WORDS (offsetof(struct rs_flow, has_hint) / sizeof(uint64_t))

struct rs_flow_slot {
    _Atomic uint32_t seq; /* odd while being written; 0: never used */
    _Atomic uint32_t renewed_ms;
    _Atomic uint32_t alive_ms;
    _Atomic uint32_t ended_seq;            /* equal to seq: this flow was ended by some thread */
    _Atomic uint64_t way;                  /* seq << 32 | via << 1 | has_hint, of the flow with that seq */
    _Atomic uint64_t words[RS_FLOW_WORDS]; /* of struct rs_flow, up to has_hint */
};

/* What follows in memory: slots, tags, index; each found by its offset from the table's start. */
struct rs_flow_table {
    struct rs_flow_settings settings;
    uint32_t buckets;
    uint32_t hint_rows;
    uint64_t slots_offset;
    uint64_t tags_offset;
    uint64_t index_offset;
    uint32_t sweep_bucket; /* writer only */
    uint32_t swept_ms;     /* writer only */
    _Atomic uint32_t count;
};

static inline uint32_t rs_flow_load(const _Atomic uint32_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static inline void rs_flow_store(_Atomic uint32_t *to, uint32_t value)
{
    atomic_store_explicit(to, value, memory_order_relaxed);
}

/* `hash` brought into 0..range-1. */
static inline uint32_t rs_flow_scale(uint32_t hash, uint32_t range)
{
    return (uint32_t)((uint64_t)hash * range >> 32);
}

/* The table's parts. Readers hold it const; the atomics in it are written through these by the writer alone. */
static inline struct rs_flow_slot *rs_flow_slot_at(const struct rs_flow_table *table, uint32_t slot)
{
    return (struct rs_flow_slot *)((uintptr_t)table + table->slots_offset) + slot;
}

static inline _Atomic uint32_t *rs_flow_tag_at(const struct rs_flow_table *table, uint32_t slot)
{
    return (_Atomic uint32_t *)((uintptr_t)table + table->tags_offset) + slot;
}

static inline uint64_t rs_flow_way(uint32_t seq, const struct rs_flow *flow)
{
    return (uint64_t)seq << 32 | (uint64_t)(flow->via & 0x7fffffffu) << 1 | (flow->has_hint != 0);
}

static inline bool rs_flow_is_live(const struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t now_ms)
{
    return rs_age_ms(now_ms, ref->renewed_ms) < table->settings.lifetime_ms &&
           rs_flow_load(&rs_flow_slot_at(table, ref->slot)->ended_seq) != ref->seq;
}

/* A consistent copy of a slot; false: it is being written all the time. */
bool rs_flow_slot_read(const struct rs_flow_table *table, uint32_t number, struct rs_flow_ref *out);

/* Writer. `flow` NULL empties the slot. */
void rs_flow_slot_write(struct rs_flow_table *table, uint32_t number, const struct rs_flow *flow, uint32_t now_ms);

/* Writer. Puts the flow in `slot` into the row of its hint. */
void rs_flow_hints_add(struct rs_flow_table *table, const uint8_t hint[RS_HINT_SIZE], uint32_t slot, uint32_t now_ms);

#endif
