/* Whom a client's datagrams go to: the same everywhere, another one when its relay falls silent or refuses, and nobody
 * else's. */
#include <string.h>

#include "check.h"
#include "next_hop.h"

enum { RELAYS = 3, CLIENTS = 3000 };

/* The last one is nothing, as in a routing value. */
static struct rs_route relays[RELAYS + 1];
static struct rs_hops hops;
static uint32_t now;

static void begin(void)
{
    memset(&hops, 0, sizeof hops);
    now = UINT32_MAX - 5000; /* so that the clock wraps on the way */
    for (unsigned i = 0; i < RELAYS; i++)
        relays[i] = (struct rs_route){{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 0, (uint8_t)(1 + i)}, 4000},
                                      2,
                                      0,
                                      1,
                                      (uint16_t)(7 + i),
                                      0};
}

static struct rs_address client(uint16_t port)
{
    return (struct rs_address){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7}, port};
}

static const struct rs_route *next_hop(uint16_t port, uint32_t via)
{
    struct rs_address address = client(port);
    return rs_next_hop(&hops, relays, &address, via, now);
}

/* Datagrams of one client every 20 ms, `heard` of the relays answering each; the relay of the last one. */
static const struct rs_route *talk(uint16_t port, uint32_t *via, unsigned milliseconds, unsigned heard)
{
    const struct rs_route *relay = NULL;
    for (uint32_t end = now + milliseconds; now != end; now += 20) {
        relay = next_hop(port, *via);
        *via = rs_hop_id(relay);
        if (heard >> (relay - relays) & 1)
            rs_hop_heard(&hops, relay, now);
    }
    return relay;
}

static void test_clients_are_spread_and_only_those_of_a_lost_relay_move(void)
{
    unsigned count[RELAYS] = {0}, moved[RELAYS] = {0};
    uint8_t had[CLIENTS];
    begin();
    for (uint16_t i = 0; i < CLIENTS; i++) {
        had[i] = (uint8_t)(next_hop((uint16_t)(1024 + i), 0) - relays);
        count[had[i]]++;
    }
    for (unsigned i = 0; i < RELAYS; i++)
        CHECK(count[i] > CLIENTS / RELAYS * 8 / 10);
    rs_hop_refused(&hops, &relays[0]);
    for (uint16_t i = 0; i < CLIENTS; i++) {
        unsigned has = (unsigned)(next_hop((uint16_t)(1024 + i), rs_hop_id(&relays[had[i]])) - relays);
        CHECK(has != 0 && (had[i] == 0 || has == had[i]));
        moved[has] += has != had[i];
    }
    CHECK(moved[1] > count[0] / 3 && moved[2] > count[0] / 3);
    memset(&hops, 0, sizeof hops); /* another worker, or another relay: the same order */
    for (uint16_t i = 0; i < CLIENTS; i++)
        CHECK(next_hop((uint16_t)(1024 + i), 0) - relays == had[i]);
}

static void test_a_relay_that_says_nothing_for_150_ms_of_datagrams_is_left(void)
{
    uint32_t via = 0;
    begin();
    const struct rs_route *first = talk(1024, &via, 1000, 7), *later;
    CHECK(talk(1024, &via, 140, 0) == first);
    later = talk(1024, &via, 40, 0);
    CHECK(later != first);
    CHECK(talk(1024, &via, 5000, 7) == later); /* who has one that answers keeps it */
}

static void test_silence_of_the_client_is_no_silence_of_the_relay(void)
{
    uint32_t via = 0;
    begin();
    const struct rs_route *first = talk(1024, &via, 1000, 7);
    for (unsigned i = 0; i < 20; i++) {
        now += 160;
        CHECK(next_hop(1024, via) == first);
    }
}

static void test_a_relay_that_was_left_is_tried_again_less_and_less_often(void)
{
    uint32_t via = 0, waited[8];
    begin();
    const struct rs_route *lost = next_hop(1024, 0);
    unsigned others = 7u & ~(1u << (lost - relays)), tries = 0;
    talk(1024, &via, 1000, others);
    for (uint32_t begun = now; tries < 8; now += 20) {
        uint32_t unused = 0;
        talk(1025, &via, 20, others); /* keeps the others heard */
        now -= 20;
        if (next_hop(1024, unused) != lost)
            continue;
        waited[tries++] = now - begun;
        for (unsigned i = 0; i < 9 && next_hop(1024, 0) == lost; i++)
            now += 20;
        begun = now;
    }
    CHECK(waited[0] <= RS_HOP_PAUSE_MS && waited[7] <= RS_HOP_LONGEST_PAUSE_MS + 40);
    for (unsigned i = 1; i < 6; i++)
        CHECK(waited[i] > waited[i - 1] + waited[i - 1] / 2);
    rs_hop_heard(&hops, lost, ++now);
    CHECK(next_hop(1024, 0) == lost); /* at once when it is heard */
}

static void test_when_all_are_left_clients_stay_where_they_are(void)
{
    begin();
    for (unsigned i = 0; i < RELAYS; i++)
        rs_hop_refused(&hops, &relays[i]);
    for (unsigned i = 0; i < RELAYS; i++)
        CHECK(next_hop(1024, rs_hop_id(&relays[i])) == &relays[i]);
    CHECK(next_hop(1024, 0) != NULL);
}

static void test_health_is_of_an_address(void)
{
    begin();
    const struct rs_route *first = next_hop(1024, 0);
    rs_hop_refused(&hops, first);
    CHECK(next_hop(1024, 0) != first);
    relays[first - relays].address.ip[15] = 77; /* another relay got its number */
    uint32_t id = rs_hop_id(first);
    CHECK(next_hop(1024, id) == first);
}

int main(void)
{
    test_clients_are_spread_and_only_those_of_a_lost_relay_move();
    test_a_relay_that_says_nothing_for_150_ms_of_datagrams_is_left();
    test_silence_of_the_client_is_no_silence_of_the_relay();
    test_a_relay_that_was_left_is_tried_again_less_and_less_often();
    test_when_all_are_left_clients_stay_where_they_are();
    test_health_is_of_an_address();
    return 0;
}
