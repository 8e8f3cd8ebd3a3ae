#include "flow_slots.h"

#include <string.h>

#define SWEEP_ROUNDS 8         /* per lifetime */
#define SWEEP_BUCKETS_MAX 1024 /* per call */

/* The first slots of a client's two buckets, and its tag, which is never 0: that is a free slot's. */
struct place {
    uint32_t first[2];
    uint32_t tag;
};

static struct place place_of(const struct rs_flow_table *table, uint64_t hash)
{
    return (struct place){
        {rs_flow_scale((uint32_t)hash, table->buckets) * RS_FLOW_BUCKET,
         rs_flow_scale((uint32_t)(hash >> 32), table->buckets) * RS_FLOW_BUCKET},
        (uint32_t)(hash >> 16) | 1,
    };
}

/* The client's slot, live or not. */
static bool find_slot(const struct rs_flow_table *table, struct place place, const struct rs_address *client,
                      struct rs_flow_ref *out)
{
    for (unsigned half = 0; half < 2; half++)
        for (uint32_t slot = place.first[half]; slot < place.first[half] + RS_FLOW_BUCKET; slot++)
            if (rs_flow_load(rs_flow_tag_at(table, slot)) == place.tag && rs_flow_slot_read(table, slot, out) &&
                rs_address_equal(&out->flow.client, client))
                return true;
    return false;
}

bool rs_flow_table_find(const struct rs_flow_table *table, uint64_t hash, const struct rs_address *client,
                        uint32_t now_ms, struct rs_flow_ref *out)
{
    return find_slot(table, place_of(table, hash), client, out) && rs_flow_is_live(table, out, now_ms);
}

void rs_flow_table_fetch_tags(const struct rs_flow_table *table, uint64_t hash)
{
    struct place place = place_of(table, hash);
    for (unsigned half = 0; half < 2; half++)
        __builtin_prefetch(rs_flow_tag_at(table, place.first[half]));
}

void rs_flow_table_fetch_slot(const struct rs_flow_table *table, uint64_t hash)
{
    struct place place = place_of(table, hash);
    for (unsigned half = 0; half < 2; half++)
        for (uint32_t slot = place.first[half]; slot < place.first[half] + RS_FLOW_BUCKET; slot++)
            if (rs_flow_load(rs_flow_tag_at(table, slot)) == place.tag) {
                __builtin_prefetch(rs_flow_slot_at(table, slot));
                return;
            }
}

static void mark(const uint32_t *ids, size_t count, uint32_t id, uint8_t *marks)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        if (ids[low + half] < id) {
            low += half + 1;
            count -= half + 1;
        } else if (ids[low + half] > id) {
            count = half;
        } else {
            marks[low + half] = 1;
            return;
        }
    }
}

void rs_flow_table_mark_routes(const struct rs_flow_table *table, uint32_t now_ms, uint32_t mask, const uint32_t *ids,
                               size_t count, uint8_t *marks)
{
    for (uint32_t slot = 0; slot < table->buckets * RS_FLOW_BUCKET; slot++) {
        struct rs_flow_ref ref;
        if (rs_flow_load(rs_flow_tag_at(table, slot)) != 0 && rs_flow_slot_read(table, slot, &ref) &&
            rs_flow_is_live(table, &ref, now_ms))
            mark(ids, count, ((uint32_t)ref.flow.cluster << 16 | ref.flow.transceiver) & mask, marks);
    }
}

void rs_flow_table_end(struct rs_flow_table *table, const struct rs_flow_ref *ref)
{
    rs_flow_store(&rs_flow_slot_at(table, ref->slot)->ended_seq, ref->seq);
}

void rs_flow_table_divert(struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t via)
{
    struct rs_flow diverted = ref->flow;
    uint64_t as_read = rs_flow_way(ref->seq, &ref->flow);
    diverted.via = via;
    /* Fails where the slot holds another flow by now, since its way begins with that one's seq. */
    atomic_compare_exchange_strong_explicit(&rs_flow_slot_at(table, ref->slot)->way, &as_read,
                                            rs_flow_way(ref->seq, &diverted), memory_order_relaxed,
                                            memory_order_relaxed);
}

uint32_t rs_flow_table_count(const struct rs_flow_table *table)
{
    return rs_flow_load(&table->count);
}

/* Where a new flow goes, and what that costs. */
struct choice {
    uint32_t slot;
    enum rs_flow_outcome outcome;
    bool was_taken;
};

static unsigned free_slots(const struct rs_flow_table *table, uint32_t first, uint32_t *slot)
{
    unsigned found = 0;
    for (uint32_t i = first; i < first + RS_FLOW_BUCKET; i++)
        if (rs_flow_load(rs_flow_tag_at(table, i)) == 0) {
            *slot = i;
            found++;
        }
    return found;
}

/* The slot unrenewed for longest of both buckets; dead ones are the oldest of all. */
static struct choice oldest(const struct rs_flow_table *table, struct place place, uint32_t now_ms, bool may_evict)
{
    struct choice choice = {0, RS_FLOW_REFUSED, true};
    uint32_t age = 0;
    for (unsigned half = 0; half < 2; half++)
        for (uint32_t slot = place.first[half]; slot < place.first[half] + RS_FLOW_BUCKET; slot++) {
            struct rs_flow_ref ref;
            if (rs_flow_load(rs_flow_tag_at(table, slot)) == 0 || !rs_flow_slot_read(table, slot, &ref))
                continue;
            if (!rs_flow_is_live(table, &ref, now_ms))
                return (struct choice){slot, RS_FLOW_CREATED, true};
            if (may_evict && (choice.outcome == RS_FLOW_REFUSED || rs_age_ms(now_ms, ref.renewed_ms) > age)) {
                age = rs_age_ms(now_ms, ref.renewed_ms);
                choice = (struct choice){slot, RS_FLOW_EVICTED, true};
            }
        }
    return choice;
}

static struct choice choose(const struct rs_flow_table *table, struct place place, uint32_t now_ms, bool may_evict)
{
    uint32_t slots[2] = {0, 0};
    unsigned free[2] = {free_slots(table, place.first[0], &slots[0]), free_slots(table, place.first[1], &slots[1])};
    if (free[0] + free[1] == 0 || rs_flow_load(&table->count) >= table->settings.capacity)
        return oldest(table, place, now_ms, may_evict);
    return (struct choice){slots[free[1] > free[0]], RS_FLOW_CREATED, false};
}

/* A slot is free while its tag and its flow do not belong together: a writer that dies between the two leaves nothing
 * that misleads. */
static void write_tagged(struct rs_flow_table *table, uint32_t slot, uint32_t tag, const struct rs_flow *flow,
                         uint32_t now_ms)
{
    _Atomic uint32_t *at = rs_flow_tag_at(table, slot);
    if (rs_flow_load(at) != tag)
        rs_flow_store(at, 0);
    atomic_thread_fence(memory_order_release);
    rs_flow_slot_write(table, slot, flow, now_ms);
    atomic_store_explicit(at, tag, memory_order_release);
}

static void free_slot(struct rs_flow_table *table, uint32_t slot, uint32_t now_ms)
{
    rs_flow_store(rs_flow_tag_at(table, slot), 0);
    rs_flow_slot_write(table, slot, NULL, now_ms);
    rs_flow_store(&table->count, rs_flow_load(&table->count) - 1);
}

/* The table is full and the client's own buckets are empty, which only happens where there are few buckets: the next
 * taken slot behind them makes room. */
static struct choice choose_far(struct rs_flow_table *table, struct place place, uint32_t now_ms)
{
    uint32_t slots = table->buckets * RS_FLOW_BUCKET;
    for (uint32_t i = 0; i < slots; i++) {
        struct rs_flow_ref ref;
        uint32_t slot = (place.first[0] + i) % slots;
        if (rs_flow_load(rs_flow_tag_at(table, slot)) == 0 || !rs_flow_slot_read(table, slot, &ref))
            continue;
        bool was_live = rs_flow_is_live(table, &ref, now_ms);
        free_slot(table, slot, now_ms);
        return (struct choice){place.first[0], was_live ? RS_FLOW_EVICTED : RS_FLOW_CREATED, false};
    }
    return (struct choice){0, RS_FLOW_REFUSED, true};
}

enum rs_flow_outcome rs_flow_table_put(struct rs_flow_table *table, uint64_t hash, const struct rs_flow *flow,
                                       uint32_t now_ms, bool may_evict)
{
    struct place place = place_of(table, hash);
    struct rs_flow_ref had;
    struct choice choice;
    if (find_slot(table, place, &flow->client, &had)) {
        bool was_live = rs_flow_is_live(table, &had, now_ms);
        choice = (struct choice){had.slot, was_live ? RS_FLOW_REPLACED : RS_FLOW_CREATED, true};
    } else {
        choice = choose(table, place, now_ms, may_evict);
        if (choice.outcome == RS_FLOW_REFUSED && may_evict)
            choice = choose_far(table, place, now_ms);
    }
    if (choice.outcome == RS_FLOW_REFUSED)
        return RS_FLOW_REFUSED;
    if (!choice.was_taken)
        rs_flow_store(&table->count, rs_flow_load(&table->count) + 1);
    write_tagged(table, choice.slot, place.tag, flow, now_ms);
    if (flow->has_hint)
        rs_flow_hints_add(table, flow->hint, choice.slot, now_ms);
    return choice.outcome;
}

void rs_flow_table_renew(struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t now_ms)
{
    /* Hundreds of datagrams share a millisecond; the cache line is written for the first of them. */
    if (ref->renewed_ms != now_ms)
        rs_flow_store(&rs_flow_slot_at(table, ref->slot)->renewed_ms, now_ms);
    rs_flow_table_keep_alive(table, ref, now_ms);
}

void rs_flow_table_keep_alive(struct rs_flow_table *table, const struct rs_flow_ref *ref, uint32_t now_ms)
{
    if (ref->alive_ms != now_ms)
        rs_flow_store(&rs_flow_slot_at(table, ref->slot)->alive_ms, now_ms);
}

/* Returns dead slots of one bucket; how many had expired. */
static unsigned sweep_bucket(struct rs_flow_table *table, uint32_t first, uint32_t now_ms)
{
    unsigned expired = 0;
    for (uint32_t slot = first; slot < first + RS_FLOW_BUCKET; slot++) {
        struct rs_flow_ref ref;
        if (rs_flow_load(rs_flow_tag_at(table, slot)) == 0 || !rs_flow_slot_read(table, slot, &ref) ||
            rs_flow_is_live(table, &ref, now_ms))
            continue;
        if (rs_flow_load(&rs_flow_slot_at(table, slot)->ended_seq) != ref.seq)
            expired++;
        free_slot(table, slot, now_ms);
    }
    return expired;
}

unsigned rs_flow_table_sweep(struct rs_flow_table *table, uint32_t now_ms)
{
    uint64_t elapsed = rs_age_ms(now_ms, table->swept_ms);
    uint64_t due = elapsed * table->buckets * SWEEP_ROUNDS / table->settings.lifetime_ms;
    unsigned expired = 0;
    if (due == 0)
        return 0;
    if (due > SWEEP_BUCKETS_MAX)
        due = SWEEP_BUCKETS_MAX;
    if (due > table->buckets)
        due = table->buckets;
    for (uint64_t i = 0; i < due; i++) {
        expired += sweep_bucket(table, table->sweep_bucket * RS_FLOW_BUCKET, now_ms);
        table->sweep_bucket = (table->sweep_bucket + 1) % table->buckets;
    }
    table->swept_ms = now_ms;
    return expired;
}

unsigned rs_flow_table_recover(struct rs_flow_table *table)
{
    uint32_t count = 0;
    unsigned lost = 0;
    for (uint32_t slot = 0; slot < table->buckets * RS_FLOW_BUCKET; slot++) {
        if (rs_flow_load(rs_flow_tag_at(table, slot)) == 0)
            continue;
        if (rs_flow_load(&rs_flow_slot_at(table, slot)->seq) % 2 != 0) {
            rs_flow_store(rs_flow_tag_at(table, slot), 0);
            lost++;
        } else {
            count++;
        }
    }
    rs_flow_store(&table->count, count);
    table->sweep_bucket %= table->buckets;
    return lost;
}
