/* The flow table against its promises: lifetime, capacity, eviction, ending from outside, the index by hint, and
 * readers in other threads while one writes. Agreement with a dictionary is tests/property/test_flow_table.py. */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "flow_slots.h"

#define LIFETIME 10000

static struct rs_flow_table *new_table(uint32_t capacity)
{
    struct rs_flow_settings settings = {capacity, LIFETIME, 8, {1, 2, 3}};
    size_t size = rs_flow_table_size(&settings);
    void *memory = aligned_alloc(64, size);
    CHECK(size != 0 && size % 64 == 0 && memory != NULL);
    memset(memory, 0, size);
    CHECK(rs_flow_table_init(memory, size - 64, &settings) == RS_INVALID);
    CHECK(rs_flow_table_init(memory, size, &settings) == RS_OK);
    return memory;
}

static const uint8_t secret[RS_SIPHASH_KEY_SIZE] = {1, 2, 3};

static struct rs_flow flow_of(uint32_t client, uint8_t hint)
{
    struct rs_flow flow = {.cluster = 1, .transceiver = (uint16_t)client, .has_hint = hint != 0};
    memcpy(flow.client.ip, &client, sizeof client);
    flow.client.port = (uint16_t)(client * 7);
    flow.hint[17] = hint;
    return flow;
}

static enum rs_flow_outcome put(struct rs_flow_table *table, struct rs_flow flow, uint32_t now, bool may_evict)
{
    return rs_flow_table_put(table, rs_flow_hash(secret, &flow.client), &flow, now, may_evict);
}

static bool find(const struct rs_flow_table *table, struct rs_flow flow, uint32_t now, struct rs_flow_ref *out)
{
    return rs_flow_table_find(table, rs_flow_hash(secret, &flow.client), &flow.client, now, out);
}

static void test_settings_out_of_range_have_no_size(void)
{
    const struct rs_flow_settings wrong[] = {
        {0, 1, 1, {0}}, {RS_FLOW_CAPACITY_MAX + 1, 1, 1, {0}},
        {1, 0, 1, {0}}, {1, 0x80000000u, 1, {0}},
        {1, 1, 0, {0}}, {1, 1, 65, {0}},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(rs_flow_table_size(&wrong[i]) == 0);
}

static void test_a_flow_takes_at_most_128_octets(void)
{
    const uint32_t capacities[] = {4096, 131072, RS_FLOW_CAPACITY_MAX};
    for (unsigned i = 0; i < 3; i++) {
        struct rs_flow_settings settings = {capacities[i], LIFETIME, 8, {0}};
        CHECK(rs_flow_table_size(&settings) / capacities[i] <= 128);
    }
}

static void test_a_flow_lives_until_its_lifetime_without_renewal(void)
{
    struct rs_flow_table *table = new_table(16);
    struct rs_flow flow = flow_of(1, 1);
    const uint32_t start = UINT32_MAX - 5000; /* across the wrap of the clock */
    struct rs_flow_ref ref;
    CHECK(!find(table, flow, start, &ref));
    CHECK(put(table, flow, start, false) == RS_FLOW_CREATED);
    CHECK(find(table, flow, start + LIFETIME - 1, &ref) && memcmp(&ref.flow, &flow, sizeof flow) == 0);
    CHECK(ref.renewed_ms == start && ref.alive_ms == start);
    CHECK(find(table, flow, start - 100, &ref)); /* another thread's clock, a little behind */
    rs_flow_table_renew(table, &ref, start + LIFETIME - 1);
    CHECK(find(table, flow, start + 2 * LIFETIME - 2, &ref));
    rs_flow_table_keep_alive(table, &ref, start + 2 * LIFETIME - 2);
    CHECK(!find(table, flow, start + 2 * LIFETIME - 1, &ref)); /* keep_alive is no renewal */
    CHECK(put(table, flow, start + 2 * LIFETIME, false) == RS_FLOW_CREATED);
    CHECK(put(table, flow, start + 2 * LIFETIME, false) == RS_FLOW_REPLACED);
    CHECK(rs_flow_table_count(table) == 1);
    free(table);
}

static void test_a_table_holds_its_capacity_and_not_one_more(void)
{
    enum { CAPACITY = 100000 };
    struct rs_flow_table *table = new_table(CAPACITY);
    struct rs_flow_ref ref;
    unsigned held = 0;
    for (uint32_t i = 0; i < CAPACITY; i++)
        CHECK(put(table, flow_of(i, 0), 0, false) == RS_FLOW_CREATED);
    CHECK(put(table, flow_of(CAPACITY, 0), 0, false) == RS_FLOW_REFUSED);
    CHECK(rs_flow_table_count(table) == CAPACITY);
    CHECK(put(table, flow_of(CAPACITY, 0), 1, true) == RS_FLOW_EVICTED);
    CHECK(rs_flow_table_count(table) == CAPACITY);
    for (uint32_t i = 0; i <= CAPACITY; i++)
        held += find(table, flow_of(i, 0), 1, &ref);
    CHECK(held == CAPACITY && find(table, flow_of(CAPACITY, 0), 1, &ref));
    CHECK(put(table, flow_of(CAPACITY + 1, 0), LIFETIME, false) == RS_FLOW_CREATED); /* in a dead one's place */
    free(table);
}

static void test_eviction_takes_the_longest_unrenewed_of_its_buckets(void)
{
    struct rs_flow_table *table = new_table(1000);
    struct rs_flow_ref ref;
    unsigned old = 0;
    for (uint32_t i = 0; i < 1000; i++)
        CHECK(put(table, flow_of(i, 0), i, true) == RS_FLOW_CREATED);
    for (uint32_t i = 1000; i < 1500; i++)
        CHECK(put(table, flow_of(i, 0), 1000, true) == RS_FLOW_EVICTED);
    CHECK(rs_flow_table_count(table) == 1000);
    /* Some ten flows share a pair of buckets, so the newest are not the oldest of any. */
    for (uint32_t i = 900; i < 1500; i++)
        CHECK(find(table, flow_of(i, 0), 1000, &ref));
    for (uint32_t i = 0; i < 500; i++)
        old += find(table, flow_of(i, 0), 1000, &ref);
    CHECK(old < 150);
    free(table);
}

static void test_a_full_table_makes_room_where_the_clients_buckets_are_empty(void)
{
    for (uint32_t capacity = 1; capacity <= 12; capacity++) {
        struct rs_flow_table *table = new_table(capacity);
        struct rs_flow_ref ref;
        for (uint32_t i = 0; i < 1000; i++) {
            CHECK(put(table, flow_of(i, 0), i, true) == (i < capacity ? RS_FLOW_CREATED : RS_FLOW_EVICTED));
            CHECK(find(table, flow_of(i, 0), i, &ref));
            CHECK(rs_flow_table_count(table) == (i < capacity ? i + 1 : capacity));
        }
        free(table);
    }
}

static void test_an_ended_flow_is_gone_and_its_successor_is_not(void)
{
    struct rs_flow_table *table = new_table(16);
    struct rs_flow_ref old, ref;
    put(table, flow_of(1, 1), 0, false);
    CHECK(find(table, flow_of(1, 1), 0, &old));
    rs_flow_table_end(table, &old);
    CHECK(!find(table, flow_of(1, 1), 0, &ref));
    CHECK(rs_flow_table_find_hint(table, old.flow.hint, 0, &ref, 1) == 0);
    CHECK(put(table, flow_of(1, 1), 1, false) == RS_FLOW_CREATED);
    rs_flow_table_end(table, &old); /* late: names a flow that was */
    CHECK(find(table, flow_of(1, 1), 1, &ref));
    free(table);
}

static void test_a_diverted_flow_is_the_same_flow_by_another_way(void)
{
    struct rs_flow_table *table = new_table(16);
    struct rs_flow with_way = flow_of(1, 1);
    struct rs_flow_ref old, ref;
    with_way.via = 0x7fffffff;
    put(table, with_way, 0, false);
    CHECK(find(table, with_way, 0, &old) && old.flow.via == 0x7fffffff && old.flow.has_hint == 1);
    rs_flow_table_divert(table, &old, 5);
    CHECK(find(table, with_way, 0, &ref) && ref.flow.via == 5 && ref.flow.has_hint == 1 && ref.seq == old.seq);
    rs_flow_table_divert(table, &old, 6); /* late: it has been diverted since */
    CHECK(find(table, with_way, 0, &ref) && ref.flow.via == 5);
    put(table, flow_of(1, 0), 1, false);
    rs_flow_table_divert(table, &ref, 7); /* late: another flow is there */
    CHECK(find(table, with_way, 1, &ref) && ref.flow.via == 0 && ref.flow.has_hint == 0);
    free(table);
}

static void test_the_sweep_returns_slots_and_counts_what_expired(void)
{
    struct rs_flow_table *table = new_table(64);
    struct rs_flow_ref ref;
    unsigned expired = 0;
    for (uint32_t i = 0; i < 50; i++)
        put(table, flow_of(i, 0), i < 40 ? 0 : 5000, false);
    CHECK(find(table, flow_of(0, 0), 0, &ref));
    rs_flow_table_end(table, &ref);
    for (uint32_t now = LIFETIME; now < LIFETIME + LIFETIME / 8 + 100; now += 10)
        expired += rs_flow_table_sweep(table, now);
    CHECK(expired == 39 && rs_flow_table_count(table) == 10);
    CHECK(rs_flow_table_sweep(table, 0x80000000u) > 0); /* a long pause is one bounded round */
    free(table);
}

static void test_flows_are_found_by_their_hint(void)
{
    struct rs_flow_table *table = new_table(64);
    struct rs_flow_ref refs[8];
    uint8_t hint[RS_HINT_SIZE] = {0}, other[RS_HINT_SIZE] = {0};
    hint[17] = 7;
    other[17] = 8;
    for (uint32_t i = 0; i < 5; i++)
        put(table, flow_of(i, 7), i, false);
    put(table, flow_of(9, 8), 0, false);
    put(table, flow_of(10, 0), 0, false);
    CHECK(rs_flow_table_find_hint(table, hint, 5, refs, 8) == 5);
    CHECK(rs_flow_table_find_hint(table, hint, 5, refs, 3) == 3);
    CHECK(rs_flow_table_find_hint(table, other, 5, refs, 8) == 1 && refs[0].flow.transceiver == 9);
    CHECK(rs_flow_table_find_hint(table, hint, LIFETIME + 2, refs, 8) == 2);
    put(table, flow_of(4, 8), 6, false); /* the client's new session */
    CHECK(rs_flow_table_find_hint(table, hint, 6, refs, 8) == 4);
    CHECK(rs_flow_table_find_hint(table, other, 6, refs, 8) == 2);
    free(table);
}

static void test_routes_in_use_are_marked(void)
{
    struct rs_flow_table *table = new_table(64);
    uint32_t ids[] = {1 << 16 | 2, 1 << 16 | 3, 1 << 16 | 5, 2 << 16 | 3};
    uint8_t marks[4] = {0};
    put(table, flow_of(3, 0), 0, false);
    put(table, flow_of(5, 0), 1, false);
    rs_flow_table_mark_routes(table, LIFETIME, UINT32_MAX, ids, 4, marks);
    CHECK(marks[0] == 0 && marks[1] == 0 && marks[2] == 1 && marks[3] == 0);
    rs_flow_table_mark_routes(table, 1, UINT32_MAX, ids, 0, marks);
    free(table);
}

/* Readers must never see half of a flow: all its fields are derived from the client's number. */
static struct rs_flow_table *shared;
static atomic_bool is_over;

static void *read_all_the_time(void *argument)
{
    unsigned long *found = argument;
    while (!atomic_load(&is_over))
        for (uint32_t i = 0; i < 32; i++) {
            struct rs_flow_ref ref;
            if (!find(shared, flow_of(i, (uint8_t)i), 0, &ref))
                continue;
            (*found)++;
            for (unsigned octet = 0; octet < 17; octet++)
                CHECK(ref.flow.hint[octet] == ref.flow.hint[16]);
            CHECK(ref.flow.transceiver == ref.flow.hint[16]);
        }
    return NULL;
}

static void test_readers_see_whole_flows_while_one_writes(void)
{
    pthread_t readers[2];
    unsigned long found[2] = {0};
    shared = new_table(16);
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&readers[i], NULL, read_all_the_time, &found[i]) == 0);
    for (uint32_t round = 0; round < 20000; round++) {
        struct rs_flow flow = flow_of(round % 32, (uint8_t)(round % 32));
        memset(flow.hint, (int)(round % 251), 17);
        flow.transceiver = (uint16_t)(round % 251);
        put(shared, flow, 0, true);
    }
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    free(shared);
}

/* A writer that dies leaves an odd sequence number, a slot without its tag, or a wrong count, wherever it was. */
static void test_a_dead_writers_table_is_brought_in_order(void)
{
    struct rs_flow_table *table = new_table(100);
    struct rs_flow_ref ref;
    for (uint32_t i = 1; i <= 10; i++)
        CHECK(put(table, flow_of(i, (uint8_t)i), 1000, false) == RS_FLOW_CREATED);
    CHECK(find(table, flow_of(3, 3), 1000, &ref));
    rs_flow_slot_at(table, ref.slot)->seq++; /* in the middle of rewriting it */
    CHECK(!find(table, flow_of(3, 3), 1000, &ref));
    CHECK(find(table, flow_of(4, 4), 1000, &ref));
    *rs_flow_tag_at(table, ref.slot) = 0; /* written, but not tagged yet */
    rs_flow_slot_at(table, ref.slot)->seq++;
    table->count = 11;
    table->sweep_bucket = table->buckets;
    CHECK(rs_flow_table_recover(table) == 1 && rs_flow_table_count(table) == 8);
    for (uint32_t i = 1; i <= 10; i++)
        CHECK(find(table, flow_of(i, (uint8_t)i), 1000, &ref) == (i != 3 && i != 4));
    for (uint32_t i = 1; i <= 10; i++)
        CHECK(put(table, flow_of(i, (uint8_t)i), 1000, false) ==
              (i == 3 || i == 4 ? RS_FLOW_CREATED : RS_FLOW_REPLACED));
    for (uint32_t i = 1; i <= 10; i++)
        CHECK(find(table, flow_of(i, (uint8_t)i), 1000, &ref));
    CHECK(rs_flow_table_count(table) == 10);
    rs_flow_table_sweep(table, 1000 + LIFETIME);
    free(table);
}

int main(void)
{
    test_a_dead_writers_table_is_brought_in_order();
    test_settings_out_of_range_have_no_size();
    test_a_flow_takes_at_most_128_octets();
    test_a_flow_lives_until_its_lifetime_without_renewal();
    test_a_table_holds_its_capacity_and_not_one_more();
    test_eviction_takes_the_longest_unrenewed_of_its_buckets();
    test_a_full_table_makes_room_where_the_clients_buckets_are_empty();
    test_an_ended_flow_is_gone_and_its_successor_is_not();
    test_a_diverted_flow_is_the_same_flow_by_another_way();
    test_the_sweep_returns_slots_and_counts_what_expired();
    test_flows_are_found_by_their_hint();
    test_routes_in_use_are_marked();
    test_readers_see_whole_flows_while_one_writes();
    return 0;
}
