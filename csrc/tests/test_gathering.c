/* Pauses between batches: none for who idles, and the busier the longer, up to a limit. */
#include <stdbool.h>

#include "check.h"
#include "gathering.h"

/* The pause after many wake-ups of a millisecond each, of which `share` was work. */
static double after(double share, double longest)
{
    struct rs_gathering gathering = {.longest = longest};
    for (int n = 1; n <= 400; n++)
        rs_gathering_note(&gathering, n / 1e3, (n + share) / 1e3);
    return rs_gathering_pause(&gathering);
}

static bool is_about(double value, double expected)
{
    return value > 0.95 * expected && value < 1.05 * expected;
}

static void who_idles_takes_each_datagram_at_once(void)
{
    CHECK(after(0.0, 0.004) == 0.0 && after(0.005, 0.004) == 0.0 && after(0.01, 0.004) == 0.0);
}

static void the_busier_the_longer(void)
{
    for (int quarter = 1; quarter <= 4; quarter++)
        CHECK(is_about(after(quarter / 16.0, 0.004), quarter * 0.001));
}

static void from_a_quarter_of_full_load_on_batches_fill_by_themselves(void)
{
    CHECK(after(1.0, 0.004) == 0.004 && after(0.5, 0.004) == 0.004);
}

static void nothing_waits_longer_than_is_allowed(void)
{
    struct rs_gathering gathering = {.longest = 0.002};
    for (int n = 0; n < 100; n++)
        rs_gathering_note(&gathering, 5.0, 9.0);
    CHECK(rs_gathering_pause(&gathering) <= 0.002);
}

static void it_can_be_turned_off(void)
{
    CHECK(after(1.0, 0.0) == 0.0);
}

static void a_quiet_second_ends_it(void)
{
    struct rs_gathering gathering = {.longest = 0.004};
    for (int n = 1; n <= 400; n++)
        rs_gathering_note(&gathering, n / 1e3, (n + 0.9) / 1e3);
    rs_gathering_note(&gathering, 1.5, 1.5001);
    CHECK(rs_gathering_pause(&gathering) == 0.0);
}

int main(void)
{
    who_idles_takes_each_datagram_at_once();
    the_busier_the_longer();
    from_a_quarter_of_full_load_on_batches_fill_by_themselves();
    nothing_waits_longer_than_is_allowed();
    it_can_be_turned_off();
    a_quiet_second_ends_it();
    return 0;
}
