/* A memory of two seconds that a flood can shorten, and nothing else. */
#include "recent_clients.h"

#include "check.h"

static struct rs_recent_clients clients;

static void test_a_client_is_remembered_for_two_seconds(void)
{
    uint64_t hash = 0x0123456789abcdefu;
    CHECK(!rs_recent_clients_has(&clients, hash, 1000));
    rs_recent_clients_mark(&clients, hash, 1000);
    CHECK(rs_recent_clients_has(&clients, hash, 1000));
    CHECK(rs_recent_clients_has(&clients, hash, 1000 + RS_RECENT_MS - 1));
    CHECK(!rs_recent_clients_has(&clients, hash, 1000 + RS_RECENT_MS));
    rs_recent_clients_mark(&clients, hash, 5000);
    CHECK(rs_recent_clients_has(&clients, hash, 5000 + RS_RECENT_MS - 1));
}

static void test_time_may_wrap(void)
{
    uint64_t hash = 0xfedcba9876543210u;
    rs_recent_clients_mark(&clients, hash, UINT32_MAX - 100);
    CHECK(rs_recent_clients_has(&clients, hash, 100));
    CHECK(!rs_recent_clients_has(&clients, hash, RS_RECENT_MS));
}

static void test_nobody_is_taken_for_somebody_else(void)
{
    unsigned found = 0;
    for (uint64_t i = 1; i <= 4 * RS_RECENT_CLIENTS; i++)
        rs_recent_clients_mark(&clients, i * 0x9e3779b97f4a7c15u, 9000);
    for (uint64_t i = 1; i <= 4 * RS_RECENT_CLIENTS; i++)
        found += rs_recent_clients_has(&clients, i * 0x9e3779b97f4a7c15u, 9000);
    CHECK(found > 0 && found <= RS_RECENT_CLIENTS);
    for (uint64_t i = 1; i <= RS_RECENT_CLIENTS; i++)
        CHECK(!rs_recent_clients_has(&clients, ~(i * 0x9e3779b97f4a7c15u), 9000));
}

int main(void)
{
    test_a_client_is_remembered_for_two_seconds();
    test_time_may_wrap();
    test_nobody_is_taken_for_somebody_else();
    return 0;
}
