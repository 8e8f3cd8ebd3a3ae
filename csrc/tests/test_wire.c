/* Big-endian reads and writes, at every alignment. */
#include "wire.h"

#include <string.h>

#include "check.h"

static void test_what_is_written_is_read_at_every_alignment(void)
{
    uint8_t octets[16];
    for (unsigned at = 0; at < 8; at++) {
        memset(octets, 0xaa, sizeof octets);
        rs_write_u32be(octets + at, 0x80fe0102u);
        CHECK(octets[at] == 0x80 && octets[at + 1] == 0xfe && octets[at + 2] == 1 && octets[at + 3] == 2);
        CHECK(rs_read_u32be(octets + at) == 0x80fe0102u && rs_read_u16be(octets + at + 2) == 0x0102);
        CHECK(octets[at + 4] == 0xaa && (at == 0 || octets[at - 1] == 0xaa));
        rs_write_u16be(octets + at, 0xffeeu);
        CHECK(rs_read_u16be(octets + at) == 0xffee && octets[at + 2] == 1);
    }
}

int main(void)
{
    test_what_is_written_is_read_at_every_alignment();
    return 0;
}
