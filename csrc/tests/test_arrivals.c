/* Transport-wide feedback: its octets, its bounds, and that whatever is noted it stays within them. What it says of
 * losses, reordering and late packets is shown in Python (tests/unit/test_arrivals.py), on this code. */
#include <string.h>

#include "arrivals.h"
#include "check.h"
#include "wire.h"

static struct rs_arrivals arrivals;
static uint8_t message[RS_ARRIVALS_MESSAGE], packet[RS_ARRIVALS_HEADER + RS_ARRIVALS_MESSAGE];

static void start(void)
{
    memset(&arrivals, 0, sizeof arrivals);
    rs_arrivals_init(&arrivals);
}

static void a_packet_names_both_sources(void)
{
    /* header and SSRCs; base, count, 128 ms; a run of two, and their deltas */
    const char expected[] = "\x8f\xcd\0\5\0\0\0\1\0\0\0\2"
                            "\xff\xff\0\2\0\0\2\0"
                            "\x20\2\x10\x50";
    const size_t len = sizeof expected - 1;
    start();
    CHECK(rs_arrivals_packet(&arrivals, 1, 0.1, packet) == 0);
    CHECK(rs_arrivals_note(&arrivals, 0xffff, 2, 0.132) && arrivals.due > 0.331 && arrivals.due < 0.333);
    CHECK(!rs_arrivals_note(&arrivals, 0, 2, 0.152) && !rs_arrivals_note(&arrivals, 0, 2, 0.153));
    CHECK(rs_arrivals_packet(&arrivals, 1, 0.34, packet) == len);
    CHECK(memcmp(packet, expected, len) == 0 && arrivals.due == RS_ARRIVALS_NEVER);
    CHECK(rs_arrivals_packet(&arrivals, 1, 0.35, packet) == 0);
}

static void what_nobody_was_told_of_is_not_pushed_out(void)
{
    start();
    rs_arrivals_note(&arrivals, 0, 2, 1.0);
    rs_arrivals_note(&arrivals, RS_ARRIVALS, 2, 1.0); /* no room for both */
    CHECK(arrivals.pending == 1);
    rs_arrivals_note(&arrivals, RS_ARRIVALS - 1, 2, 1.0);
    CHECK(arrivals.pending == 2 && rs_arrivals_take(&arrivals, 1.2, message) != 0);
    CHECK(rs_read_u16be(message) == 0 && rs_read_u16be(message + 2) == RS_ARRIVALS);
    CHECK(rs_arrivals_take(&arrivals, 1.2, message) == 0);
}

/* Steps of any width and direction, at any distance, taken now and then. */
static void any_numbers_stay_within_bounds(void)
{
    uint64_t dice = 1;
    uint16_t number = 0;
    double now = 0.0;
    start();
    for (unsigned n = 0; n < 200000; n++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        unsigned kind = (unsigned)(dice >> 60), wide = (unsigned)(dice >> 40 & 0xffff);
        number = (uint16_t)(number + (kind < 10 ? 1 : kind < 13 ? wide % 40 - 20u : wide));
        now += kind == 15 ? wide / 100.0 : wide / 1e7;
        rs_arrivals_note(&arrivals, number, 2, now);
        if (now < arrivals.due)
            continue;
        for (size_t len; (len = rs_arrivals_take(&arrivals, now, message)) != 0;)
            CHECK(len % 4 == 0 && len <= RS_ARRIVALS_MESSAGE && rs_read_u16be(message + 2) != 0);
        CHECK(arrivals.due == RS_ARRIVALS_NEVER);
    }
    CHECK(arrivals.messages > 1000);
}

int main(void)
{
    a_packet_names_both_sources();
    what_nobody_was_told_of_is_not_pushed_out();
    any_numbers_stay_within_bounds();
    return 0;
}
