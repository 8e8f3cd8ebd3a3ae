/* Numbers and headers of what we send. */
#include "check.h"
#include "rtp_stream.h"
#include "wire.h"

static struct rs_rtp_stream stream;
static uint8_t header[RS_RTP_HEADER_SIZE];

static uint32_t send_at(double now, uint32_t gap, bool is_gap_by_now)
{
    struct rs_rtp_step step = {48000, 960, gap, 111, false, is_gap_by_now};
    rs_rtp_stream_next(&stream, &step, 80, now, header);
    return rs_read_u32be(header + 4);
}

static void numbers_wrap_and_the_first_packet_has_the_marker(void)
{
    stream = (struct rs_rtp_stream){.ssrc = 5, .sequence_number = 65535, .timestamp = UINT32_MAX - 959};
    CHECK(send_at(1.0, 0, true) == UINT32_MAX - 959);
    CHECK(header[0] == 0x80 && header[1] == (0x80 | 111) && rs_read_u16be(header + 2) == 65535);
    CHECK(rs_read_u32be(header + 8) == 5);
    CHECK(send_at(1.02, 0, true) == 0 && header[1] == 111 && rs_read_u16be(header + 2) == 0);
    CHECK(stream.packets == 2 && stream.octets == 160);
}

static void silence_is_a_gap_of_whole_durations(void)
{
    stream = (struct rs_rtp_stream){.ssrc = 5};
    send_at(1.0, 0, true);
    CHECK(send_at(1.11, 0, true) == 960 && header[1] == 111);                          /* late, but no silence */
    CHECK(send_at(2.0, 0, true) == 960 + 960 + 44 * 960 && header[1] == (0x80 | 111)); /* 43.5, rounded up */
    uint32_t before = stream.timestamp;
    CHECK(send_at(9.0, 480, false) == before + 480 && header[1] == 111);
}

int main(void)
{
    numbers_wrap_and_the_first_packet_has_the_marker();
    silence_is_a_gap_of_whole_durations();
    return 0;
}
