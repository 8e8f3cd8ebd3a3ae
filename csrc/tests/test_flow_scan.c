/* Going through a flow table: every live flow once per round, in pieces of any size. */
#include <string.h>

#include "check.h"
#include "flow_scan.h"

#define FLOWS 500u
#define LIFETIME_MS 60000u

static struct rs_flow_table *make_table(void)
{
    const struct rs_flow_settings settings = {FLOWS, LIFETIME_MS, 8, {3}};
    size_t size = rs_flow_table_size(&settings);
    struct rs_flow_table *table = aligned_alloc(64, size);
    CHECK(table != NULL);
    memset(table, 0, size);
    CHECK(rs_flow_table_init(table, size, &settings) == RS_OK);
    return table;
}

static void put(struct rs_flow_table *table, uint16_t port, uint32_t now_ms)
{
    const uint8_t secret[RS_SIPHASH_KEY_SIZE] = {3};
    const struct rs_flow flow = {.client.port = port};
    CHECK(rs_flow_table_put(table, rs_flow_hash(secret, &flow.client), &flow, now_ms, false) == RS_FLOW_CREATED);
}

static void check_round(const struct rs_flow_table *table, uint32_t now_ms, uint32_t span, unsigned max, unsigned live)
{
    struct rs_flow_ref out[64];
    uint8_t seen[65536] = {0};
    uint32_t next = 0;
    unsigned found = 0, calls = 0;
    do {
        unsigned count = rs_flow_table_scan(table, now_ms, &next, span, out, max);
        CHECK(count <= max && count <= span);
        for (unsigned i = 0; i < count; i++)
            CHECK(seen[out[i].flow.client.port]++ == 0);
        found += count;
        calls++;
    } while (next != 0);
    CHECK(found == live);
    CHECK(calls >= rs_flow_table_slots(table) / span);
}

static void test_every_live_flow_is_found_once(void)
{
    struct rs_flow_table *table = make_table();
    check_round(table, 0, 64, 64, 0);
    for (unsigned i = 1; i <= FLOWS; i++)
        put(table, (uint16_t)i, i % 2 == 0 ? 0 : 1000);
    check_round(table, 1000, 64, 64, FLOWS);
    check_round(table, 1000, 7, 64, FLOWS);
    check_round(table, 1000, UINT32_MAX, 1, FLOWS);
    check_round(table, LIFETIME_MS, 64, 5, FLOWS / 2); /* the older half has expired, and is not swept */
    free(table);
}

int main(void)
{
    test_every_live_flow_is_found_once();
    return 0;
}
