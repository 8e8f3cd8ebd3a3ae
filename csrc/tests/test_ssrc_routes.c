/* Where a source's packets went: for ten seconds, and nobody diverts it meanwhile. */
#include "ssrc_routes.h"

#include "check.h"

static struct rs_ssrc_routes routes;

static void test_a_source_is_known_for_ten_seconds(void)
{
    uint32_t ids = 0;
    CHECK(!rs_ssrc_routes_find(&routes, 7, 0x1234, 1000, &ids));
    rs_ssrc_routes_note(&routes, 7, 0x1234, 3u << 16 | 9, 1000);
    CHECK(rs_ssrc_routes_find(&routes, 7, 0x1234, 1000 + RS_SSRC_ROUTE_MS - 1, &ids) && ids == (3u << 16 | 9));
    CHECK(!rs_ssrc_routes_find(&routes, 7, 0x1234, 1000 + RS_SSRC_ROUTE_MS, &ids));
    CHECK(!rs_ssrc_routes_find(&routes, 7, 0x1235, 1000, &ids));
    CHECK(!rs_ssrc_routes_find(&routes, 8, 0x1234, 1000, &ids));
}

static void test_a_living_source_stays_where_it_is(void)
{
    uint32_t ids = 0;
    rs_ssrc_routes_note(&routes, 9, 0x1234, 1, 5000);
    rs_ssrc_routes_note(&routes, 9, 0x1234, 2, 5001);
    CHECK(rs_ssrc_routes_find(&routes, 9, 0x1234, 5002, &ids) && ids == 1);
    rs_ssrc_routes_note(&routes, 9, 0x1234, 2, 5000 + RS_SSRC_ROUTE_MS);
    CHECK(rs_ssrc_routes_find(&routes, 9, 0x1234, 5000 + RS_SSRC_ROUTE_MS, &ids) && ids == 2);
}

static void test_another_source_takes_the_place_over(void)
{
    uint32_t ids = 0;
    rs_ssrc_routes_note(&routes, 9 + RS_SSRC_ROUTES, 0x9999, 3, 15003);
    CHECK(!rs_ssrc_routes_find(&routes, 9, 0x1234, 15004, &ids));
    CHECK(rs_ssrc_routes_find(&routes, 9, 0x9999, 15004, &ids) && ids == 3);
}

static void test_a_source_that_goes_on_stays_known(void)
{
    uint32_t ids = 0;
    for (uint32_t ms = 0; ms <= 60000; ms += 20)
        rs_ssrc_routes_note(&routes, 11, 0, 0xffffffffu, ms - 20000);
    CHECK(rs_ssrc_routes_find(&routes, 11, 0, 40000, &ids) && ids == 0xffffffffu);
}

int main(void)
{
    test_a_source_is_known_for_ten_seconds();
    test_a_living_source_stays_where_it_is();
    test_another_source_takes_the_place_over();
    test_a_source_that_goes_on_stays_known();
    return 0;
}
