/* Rates and the memory of recent clients: windows, the wrap of the clock, and what shares a place. */
#include <string.h>

#include "check.h"
#include "rate_limit.h"
#include "recent_clients.h"

static void test_so_many_per_second_and_not_one_more(void)
{
    struct rs_rate rate = {0};
    const uint32_t start = UINT32_MAX - 400; /* the window spans the wrap */
    for (unsigned i = 0; i < 50; i++)
        CHECK(rs_rate_take(&rate, 50, start + i));
    CHECK(!rs_rate_take(&rate, 50, start + 999));
    CHECK(rs_rate_take(&rate, 50, start + 1000));
    CHECK(!rs_rate_take(&rate, 0, start + 1000));
}

static void test_keys_in_one_place_share_its_window(void)
{
    static struct rs_keyed_rates rates;
    for (unsigned i = 0; i < 4; i++)
        CHECK(rs_keyed_rates_take(&rates, 5, 4, 10000));
    CHECK(!rs_keyed_rates_take(&rates, 5, 4, 10000));
    CHECK(!rs_keyed_rates_take(&rates, 5 + RS_KEYED_RATES, 4, 10000));
    CHECK(rs_keyed_rates_take(&rates, 6, 4, 10000));
}

static void test_a_client_is_remembered_for_two_seconds(void)
{
    static struct rs_recent_clients clients;
    const uint64_t hash = 0x0123456789abcdef, same_place = hash ^ (uint64_t)1 << 60;
    const uint32_t start = UINT32_MAX - 400;
    CHECK(!rs_recent_clients_has(&clients, hash, 0));
    rs_recent_clients_mark(&clients, hash, start);
    CHECK(rs_recent_clients_has(&clients, hash, start + RS_RECENT_MS - 1));
    CHECK(rs_recent_clients_has(&clients, hash, start - 5));
    CHECK(!rs_recent_clients_has(&clients, hash, start + RS_RECENT_MS));
    CHECK(!rs_recent_clients_has(&clients, same_place, start));
    rs_recent_clients_mark(&clients, same_place, start);
    CHECK(!rs_recent_clients_has(&clients, hash, start) && rs_recent_clients_has(&clients, same_place, start));
}

int main(void)
{
    test_so_many_per_second_and_not_one_more();
    test_keys_in_one_place_share_its_window();
    test_a_client_is_remembered_for_two_seconds();
    return 0;
}
