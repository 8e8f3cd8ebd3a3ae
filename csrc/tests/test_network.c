/* Blocks of addresses: every prefix length holds its own addresses and no neighbour's. */
#include <string.h>

#include "check.h"
#include "network.h"

static void test_every_prefix_length_splits_at_its_last_bit(void)
{
    for (unsigned prefix = 0; prefix <= 128; prefix++) {
        struct rs_network network = {.prefix = (uint8_t)prefix};
        uint8_t ip[RS_ADDRESS_IP_SIZE];
        memset(network.ip, 0xa5, sizeof network.ip);
        memcpy(ip, network.ip, sizeof ip);
        CHECK(rs_network_contains(&network, 1, ip));
        if (prefix > 0) {
            ip[(prefix - 1) / 8] ^= (uint8_t)(0x80 >> (prefix - 1) % 8);
            CHECK(!rs_network_contains(&network, 1, ip));
        }
        memcpy(ip, network.ip, sizeof ip);
        if (prefix < 128) {
            ip[prefix / 8] ^= (uint8_t)(0x80 >> prefix % 8);
            CHECK(rs_network_contains(&network, 1, ip));
        }
    }
}

static void test_any_of_several_blocks_will_do(void)
{
    const struct rs_network networks[] = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10}, 104},
        {{0x20, 0x01, 0x0d, 0xb8}, 32},
    };
    const uint8_t ten[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 255, 0, 1};
    const uint8_t eleven[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 11, 0, 0, 1};
    const uint8_t documentation[] = {0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    CHECK(rs_network_contains(networks, 2, ten));
    CHECK(!rs_network_contains(networks, 2, eleven));
    CHECK(rs_network_contains(networks, 2, documentation));
    CHECK(!rs_network_contains(networks, 1, documentation));
    CHECK(!rs_network_contains(networks, 0, ten));
}

int main(void)
{
    test_every_prefix_length_splits_at_its_last_bit();
    test_any_of_several_blocks_will_do();
    return 0;
}
