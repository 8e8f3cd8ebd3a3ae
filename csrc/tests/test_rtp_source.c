/* Sequence numbers, loss and jitter of a source; every sequence against RFC 3550's own code is in
 * tests/property/test_source.py. */
#include "check.h"
#include "rtp_source.h"

#define CLOCK 48000u

static struct rs_rtp_source source;

static bool hear(uint16_t number)
{
    return rs_rtp_source_receive(&source, number, number * 960u, 10, CLOCK, number * 0.02);
}

static void a_source_counts_across_the_wrap(void)
{
    rs_rtp_source_init(&source, 7, 65534, CLOCK, 1, 0.0);
    CHECK(hear(65534) && hear(65535) && hear(0) && hear(2));
    CHECK(source.received == 4 && source.octets == 40 && source.wraps == 1);
    CHECK(rs_rtp_source_expected(&source) == 5 && rs_rtp_source_lost(&source) == 1);
}

static void far_packets_restart_it_in_pairs(void)
{
    rs_rtp_source_init(&source, 7, 100, CLOCK, 1, 0.0);
    CHECK(hear(100) && hear(102));
    CHECK(!hear(102 + 3000) && hear(103) && !hear(4000) && hear(4001));
    CHECK(source.received == 1 && source.received_before == 3 && rs_rtp_source_lost(&source) == 1);
}

static void who_said_goodbye_proves_itself(void)
{
    rs_rtp_source_init(&source, 7, 100, CLOCK, 1, 0.0);
    CHECK(hear(100) && hear(101));
    rs_rtp_source_depart(&source, 2, 5.0);
    CHECK(source.has_departed && source.last_heard == 5.0);
    CHECK(!hear(500) && hear(501) && !source.has_departed && source.received == 1 && source.received_before == 2);
}

static void another_clock_starts_the_jitter_anew(void)
{
    rs_rtp_source_init(&source, 7, 0, CLOCK, 1, 0.0);
    CHECK(hear(0));
    CHECK(rs_rtp_source_receive(&source, 1, 960 + 160, 10, CLOCK, 0.02) && source.jitter == 160);
    CHECK(rs_rtp_source_receive(&source, 2, 0, 10, 8000, 0.04) && source.jitter == 26 && source.clock_rate == 8000);
}

int main(void)
{
    a_source_counts_across_the_wrap();
    far_packets_restart_it_in_pairs();
    who_said_goodbye_proves_itself();
    another_clock_starts_the_jitter_anew();
    return 0;
}
