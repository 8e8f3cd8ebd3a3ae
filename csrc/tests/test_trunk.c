/* The walk over a trunk's records, and every way in which one may be wrong. */
#include <string.h>

#include "check.h"
#include "trunk.h"

static uint8_t octets[4096];

/* A trunk of so many records, `first` octets the first one and RS_SPP_SIZE the others; returns its length. */
static size_t build(unsigned records, size_t first)
{
    size_t at = RS_TRUNK_HEADER;
    memset(octets, 0, sizeof octets);
    rs_trunk_begin(octets, records);
    for (unsigned i = 0; i < records; i++) {
        size_t len = i == 0 ? first : RS_SPP_SIZE;
        rs_write_u16be(octets + at, (uint16_t)len);
        at += RS_TRUNK_LENGTH + len;
    }
    return at;
}

static void test_what_is_built_is_accepted(void)
{
    CHECK(rs_trunk_check(octets, build(1, RS_SPP_SIZE)) == RS_DROP_NONE);
    CHECK(rs_trunk_check(octets, build(2, 1400)) == RS_DROP_NONE);
    CHECK(rs_trunk_check(octets, build(RS_TRUNK_RECORDS, RS_SPP_SIZE)) == RS_DROP_NONE);
    CHECK(memcmp(octets, "\x56\xed\x01\x40\x00\x26", 6) == 0);
    CHECK(rs_trunk_is(octets, 2) && !rs_trunk_is(octets, 1));
}

static void test_no_truncation_is_accepted(void)
{
    size_t len = build(3, 100);
    for (size_t short_of = 0; short_of < len; short_of++)
        CHECK(rs_trunk_check(octets, short_of) == RS_DROP_TRUNK_MALFORMED);
    CHECK(rs_trunk_check(octets, len) == RS_DROP_NONE);
    CHECK(rs_trunk_check(octets, len + 1) == RS_DROP_TRUNK_MALFORMED);
}

static void test_each_field_is_held_to_its_bounds(void)
{
    static const struct {
        unsigned at;
        uint8_t value;
    } wrong[] = {{0, 0x57}, {1, 0xec}, {2, 0}, {2, 2}, {3, 0}, {3, 1}, {3, 3}, {3, 65}, {4, 1}, {5, 37}, {5, 41}};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t len = build(2, 40);
        CHECK(rs_trunk_check(octets, len) == RS_DROP_NONE);
        octets[wrong[i].at] = wrong[i].value;
        CHECK(rs_trunk_check(octets, len) == RS_DROP_TRUNK_MALFORMED);
    }
    CHECK(rs_trunk_check(octets, build(RS_TRUNK_RECORDS + 1, RS_SPP_SIZE)) == RS_DROP_TRUNK_MALFORMED);
}

int main(void)
{
    test_what_is_built_is_accepted();
    test_no_truncation_is_accepted();
    test_each_field_is_held_to_its_bounds();
    return 0;
}
