/* Simple Proxy Protocol header (checklist A8). */
#include <string.h>

#include "check.h"
#include "spp.h"

/* 198.51.100.7:50000 via 203.0.113.10:3478 */
static const uint8_t vector[RS_SPP_SIZE] = {
    0x56, 0xec, 0, 0, 0, 0, 0, 0, 0, 0,    0,    0,   0xff, 0xff, 198, 51,   100,  7,    0,
    0,    0,    0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0,    113,  10,  0xc3, 0x50, 0x0d, 0x96,
};
static const struct rs_address client = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7}, 50000};
static const struct rs_address proxy = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 10}, 3478};

static void test_vector_both_ways(void)
{
    uint8_t out[RS_SPP_SIZE];
    struct rs_address c, p;

    rs_spp_build(out, &client, &proxy);
    CHECK(memcmp(out, vector, sizeof out) == 0);
    CHECK(rs_spp_parse(vector, sizeof vector, &c, &p) == RS_DROP_NONE);
    CHECK(rs_address_equal(&c, &client) && rs_address_equal(&p, &proxy));
}

static void test_short_or_foreign_headers_are_refused(void)
{
    struct rs_address c = {.port = 7}, p;

    for (size_t len = 0; len < RS_SPP_SIZE; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        CHECK(copy != NULL);
        memcpy(copy, vector, len);
        CHECK(rs_spp_parse(copy, len, &c, &p) == RS_DROP_SPP_MALFORMED);
        free(copy);
    }
    for (unsigned octet = 0; octet < 2; octet++) {
        uint8_t wrong[RS_SPP_SIZE];
        memcpy(wrong, vector, sizeof wrong);
        wrong[octet] ^= 1;
        CHECK(rs_spp_parse(wrong, sizeof wrong, &c, &p) == RS_DROP_SPP_MALFORMED);
    }
    CHECK(c.port == 7);
}

static void test_nesting_is_refused(void)
{
    uint8_t nested[2 * RS_SPP_SIZE];
    struct rs_address c, p;

    memcpy(nested, vector, RS_SPP_SIZE);
    memcpy(nested + RS_SPP_SIZE, vector, RS_SPP_SIZE);
    CHECK(rs_spp_parse(nested, sizeof nested, &c, &p) == RS_DROP_SPP_NESTED);
    CHECK(rs_spp_parse(nested, RS_SPP_SIZE + 2, &c, &p) == RS_DROP_SPP_NESTED);
    CHECK(rs_spp_parse(nested, RS_SPP_SIZE + 1, &c, &p) == RS_DROP_NONE);
}

int main(void)
{
    test_vector_both_ways();
    test_short_or_foreign_headers_are_refused();
    test_nesting_is_refused();
    return 0;
}
