/* The routing value: both lookups, and who is admitted as a client (checklist A11). */
#include <string.h>

#include "check.h"
#include "routing.h"

#define V4(a, b, c, d) {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}

static const struct rs_hint_keys no_keys;

static struct rs_routing *build(const struct rs_routing_parts *parts)
{
    size_t size = rs_routing_size(parts);
    void *memory = aligned_alloc(16, size);
    CHECK(size != 0 && size % 16 == 0 && memory != NULL);
    memset(memory, 0, size);
    CHECK(rs_routing_init(memory, size - 16, parts, 7) == RS_INVALID);
    CHECK(rs_routing_init(memory, size, parts, 7) == RS_OK && rs_routing_generation(memory) == 7);
    return memory;
}

static void test_an_empty_value_routes_nothing_and_admits_strangers(void)
{
    const struct rs_routing_parts parts = {.keys = &no_keys};
    struct rs_routing *routing = build(&parts);
    const struct rs_address stranger = {V4(198, 51, 100, 7), 50000};
    CHECK(rs_routing_find(routing, 0, 0) == NULL && rs_routing_find_source(routing, &stranger) == NULL);
    CHECK(rs_routing_admits_client(routing, &stranger));
    free(routing);
}

static void test_every_entry_is_found_by_its_ids_and_by_its_address(void)
{
    enum { COUNT = 5000 };
    static struct rs_route routes[COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        routes[i] = (struct rs_route){{V4(10, 0, (uint8_t)(i >> 8), (uint8_t)i), (uint16_t)(1 + i % 3)},
                                      (uint16_t)(i % 5),
                                      (uint16_t)i,
                                      i % 7 != 0,
                                      0,
                                      0};
    const struct rs_routing_parts parts = {.keys = &no_keys, .routes = routes, .route_count = COUNT};
    struct rs_routing *routing = build(&parts);
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct rs_route *by_ids = rs_routing_find(routing, routes[i].cluster, routes[i].transceiver);
        const struct rs_route *by_address = rs_routing_find_source(routing, &routes[i].address);
        CHECK((by_ids != NULL) == (routes[i].is_routed != 0) && by_address == by_ids);
        CHECK(by_ids == NULL || rs_address_equal(&by_ids->address, &routes[i].address));
        CHECK(rs_routing_find(routing, 5, (uint16_t)i) == NULL);
        struct rs_address other_port = routes[i].address;
        other_port.port = 9;
        CHECK(rs_routing_find_source(routing, &other_port) == NULL);
        CHECK(!rs_routing_admits_client(routing, &other_port));
    }
    free(routing);
}

static void test_the_relays_of_a_cluster_lead_to_all_of_its_transceivers(void)
{
    const struct rs_route routes[] = {
        {{V4(10, 0, 0, 1), 5000}, 1, 2, 1, 0, 0}, {{V4(10, 1, 0, 1), 4000}, 2, 0, 1, 1, 0},
        {{V4(10, 1, 0, 2), 4000}, 2, 0, 1, 1, 0}, {{V4(10, 2, 0, 1), 4000}, 3, 0, 1, 1, 0},
        {{V4(10, 3, 0, 1), 4000}, 4, 0, 0, 1, 0}, {{V4(10, 1, 0, 3), 4000}, 3, 0, 1, 1, 0},
    };
    const struct rs_routing_parts parts = {.keys = &no_keys, .routes = routes, .route_count = 6};
    struct rs_routing *routing = build(&parts), *again;
    const struct rs_route *relay = rs_routing_find(routing, 2, 77), *next = rs_routing_next_relay(relay);
    CHECK(relay != NULL && rs_routing_find(routing, 2, 0) == relay);
    CHECK(next != NULL && rs_address_equal(&next->address, &routes[2].address) && !rs_routing_next_relay(next));
    CHECK(relay->relay != 0 && next->relay != 0 && relay->relay != next->relay);
    const struct rs_route *third = rs_routing_next_relay(rs_routing_find(routing, 3, 1));
    CHECK(third == NULL); /* not one after the other in the parts */
    CHECK(rs_routing_find(routing, 4, 1) == NULL && rs_routing_find(routing, 1, 3) == NULL);
    CHECK(rs_routing_find_source(routing, &routes[1].address) == relay);
    CHECK(!rs_routing_admits_client(routing, &routes[1].address));
    CHECK(rs_routing_next_relay(rs_routing_find(routing, 1, 2)) == NULL);
    const struct rs_routing_parts fewer = {.keys = &no_keys, .routes = routes + 1, .route_count = 1};
    again = build(&fewer);
    CHECK(rs_routing_find(again, 2, 1)->relay == relay->relay);
    free(again);
    free(routing);
}

static void test_own_and_internal_hosts_are_no_clients_unless_readmitted(void)
{
    const struct rs_route routes[] = {{{V4(10, 0, 0, 5), 5000}, 1, 2, 1, 0, 0},
                                      {{V4(10, 0, 0, 6), 5000}, 1, 3, 0, 0, 0}};
    const struct rs_address own = {V4(203, 0, 113, 10), 3478};
    const struct rs_network readmitted[] = {{V4(10, 0, 0, 0), 120}, {V4(127, 0, 0, 0), 104}};
    struct rs_routing_parts parts = {&no_keys, routes, 2, &own, 1, NULL, 0, NULL, 0};
    struct rs_routing *strict = build(&parts);
    parts.readmitted = readmitted;
    parts.readmitted_count = 2;
    struct rs_routing *lenient = build(&parts);
    const struct {
        struct rs_address client;
        bool strict, lenient;
    } cases[] = {
        {{V4(10, 0, 0, 5), 5000}, false, false},     {{V4(10, 0, 0, 5), 5001}, false, true},
        {{V4(10, 0, 0, 6), 5000}, false, false},     {{V4(10, 0, 0, 7), 5000}, true, true},
        {{V4(203, 0, 113, 10), 3478}, false, false}, {{V4(203, 0, 113, 10), 9}, false, false},
        {{V4(127, 0, 0, 1), 5000}, false, true},     {{V4(127, 0, 0, 1), 0}, false, false},
        {{V4(192, 168, 1, 1), 5000}, true, true},    {{V4(224, 0, 0, 1), 5000}, false, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(rs_routing_admits_client(strict, &cases[i].client) == cases[i].strict);
        CHECK(rs_routing_admits_client(lenient, &cases[i].client) == cases[i].lenient);
    }
    free(strict);
    free(lenient);
}

int main(void)
{
    test_an_empty_value_routes_nothing_and_admits_strangers();
    test_every_entry_is_found_by_its_ids_and_by_its_address();
    test_the_relays_of_a_cluster_lead_to_all_of_its_transceivers();
    test_own_and_internal_hosts_are_no_clients_unless_readmitted();
    return 0;
}
