/* Invariant: the table says of every client what a plain list says, whatever is put, renewed, ended and swept in
 * whatever order and pauses, and after a writer has died in the middle of a slot; a head with a changed octet is
 * refused.
 *
 * The input is a list of steps of four octets: what, which client, which hint or octet, how long a pause. */
#include "fuzz.h"

#include <stdlib.h>

#include "flow_slots.h"

enum { PUT, PUT_EVICTING, RENEW, END, SWEEP, DIE_AND_RECOVER, CHANGE_HEAD, VERBS };
enum { CLIENTS = 32, CAPACITY = 12, WAYS = 4, LIFETIME_MS = 1000, STEP = 4, STEPS_MAX = 256, HINTS = 4 };

static const struct rs_flow_settings settings = {CAPACITY, LIFETIME_MS, WAYS, {7, 7, 7}};
static struct rs_flow_table *table;
static size_t table_size;

/* What the plain list knows of a client. */
static struct {
    bool is_there;
    struct rs_flow flow;
    uint32_t renewed_ms;
} known[CLIENTS];

static struct rs_flow flow_of(unsigned who, uint8_t what)
{
    struct rs_flow flow = {.cluster = 1, .transceiver = what, .has_hint = what % (HINTS + 1) != 0};
    flow.client.ip[15] = (uint8_t)who;
    flow.client.port = (uint16_t)(50000 + who);
    if (flow.has_hint)
        flow.hint[0] = (uint8_t)(what % (HINTS + 1));
    return flow;
}

static bool is_live(unsigned who, uint32_t now_ms)
{
    return known[who].is_there && now_ms - known[who].renewed_ms < LIFETIME_MS;
}

static bool find(unsigned who, uint32_t now_ms, struct rs_flow_ref *out)
{
    struct rs_flow asked = flow_of(who, 0);
    return rs_flow_table_find(table, rs_flow_hash(settings.secret, &asked.client), &asked.client, now_ms, out);
}

/* Every client is asked for; `may_lose` of those that the list knows may be gone, and the list forgets them. */
static void check_agreement(uint32_t now_ms, unsigned may_lose)
{
    unsigned live = 0, lost = 0;
    for (unsigned who = 0; who < CLIENTS; who++) {
        struct rs_flow_ref ref;
        bool is_found = find(who, now_ms, &ref);
        if (is_live(who, now_ms) && !is_found) {
            known[who].is_there = false;
            lost++;
        }
        HOLDS(is_found == is_live(who, now_ms));
        if (!is_found)
            continue;
        live++;
        HOLDS(memcmp(&ref.flow, &known[who].flow, sizeof ref.flow) == 0);
        HOLDS(ref.renewed_ms == known[who].renewed_ms && ref.slot < table->buckets * RS_FLOW_BUCKET);
    }
    HOLDS(lost <= may_lose);
    HOLDS(rs_flow_table_count(table) >= live && rs_flow_table_count(table) <= CAPACITY);
}

static void check_hints(uint32_t now_ms)
{
    for (uint8_t hint = 1; hint <= HINTS; hint++) {
        struct rs_flow_ref refs[WAYS];
        struct rs_flow asked = flow_of(0, hint);
        unsigned found = rs_flow_table_find_hint(table, asked.hint, now_ms, refs, WAYS);
        HOLDS(found <= WAYS);
        for (unsigned i = 0; i < found; i++) {
            unsigned who = refs[i].flow.client.ip[15];
            HOLDS(is_live(who, now_ms) && known[who].flow.hint[0] == hint);
        }
    }
}

/* How many flows of others that may have cost. */
static unsigned put(unsigned who, uint8_t what, uint32_t now_ms, bool may_evict)
{
    struct rs_flow flow = flow_of(who, what);
    bool was_live = is_live(who, now_ms);
    enum rs_flow_outcome outcome =
        rs_flow_table_put(table, rs_flow_hash(settings.secret, &flow.client), &flow, now_ms, may_evict);
    HOLDS((outcome == RS_FLOW_REPLACED) == was_live);
    HOLDS(may_evict ? outcome != RS_FLOW_REFUSED : outcome != RS_FLOW_EVICTED);
    if (outcome != RS_FLOW_REFUSED) {
        known[who].is_there = true;
        known[who].flow = flow;
        known[who].renewed_ms = now_ms;
    }
    return outcome == RS_FLOW_EVICTED;
}

/* The writer's process ends while it writes the client's slot; the next one takes over. How many flows that cost. */
static unsigned die_and_recover(unsigned who, uint32_t now_ms)
{
    struct rs_flow_ref ref;
    bool is_found = find(who, now_ms, &ref);
    if (is_found)
        rs_flow_store(&rs_flow_slot_at(table, ref.slot)->seq, ref.seq | 1);
    HOLDS(rs_flow_table_recover(table) == is_found);
    return is_found;
}

static void check_changed_head(uint8_t place, uint8_t change)
{
    uint8_t *octet = (uint8_t *)table + place % offsetof(struct rs_flow_table, hint_rows);
    *octet ^= change;
    HOLDS((rs_flow_table_check(table, table_size, &settings) == RS_OK) == (change == 0));
    *octet ^= change;
}

/* How many flows it may have cost besides what the list knows. */
static unsigned step(const uint8_t *octets, uint32_t now_ms)
{
    unsigned verb = octets[0] % VERBS, who = octets[1] % CLIENTS;
    struct rs_flow_ref ref;
    if (verb == PUT || verb == PUT_EVICTING)
        return put(who, octets[2], now_ms, verb == PUT_EVICTING);
    if (verb == DIE_AND_RECOVER)
        return die_and_recover(who, now_ms);
    if (verb == RENEW && find(who, now_ms, &ref)) {
        rs_flow_table_renew(table, &ref, now_ms);
        known[who].renewed_ms = now_ms;
    } else if (verb == END && find(who, now_ms, &ref)) {
        rs_flow_table_end(table, &ref);
        known[who].is_there = false;
    } else if (verb == SWEEP) {
        rs_flow_table_sweep(table, now_ms);
    } else if (verb == CHANGE_HEAD) {
        check_changed_head(octets[1], octets[2]);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t now_ms = UINT32_MAX - 3000; /* so that the clock wraps on the way */
    table_size = rs_flow_table_size(&settings);
    table = aligned_alloc(64, table_size);
    HOLDS(table != NULL && table_size > 0);
    memset(table, 0, table_size);
    memset(known, 0, sizeof known);
    HOLDS(rs_flow_table_init(table, table_size, &settings) == RS_OK);
    for (unsigned steps = 0; size >= STEP && steps < STEPS_MAX; steps++, data += STEP, size -= STEP) {
        now_ms += 4u * data[3];
        for (unsigned who = 0; who < CLIENTS; who++) /* or the clock comes round to it */
            known[who].is_there = is_live(who, now_ms);
        check_agreement(now_ms, step(data, now_ms));
        check_hints(now_ms);
    }
    free(table);
    return 0;
}
