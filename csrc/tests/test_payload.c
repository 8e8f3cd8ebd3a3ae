/* Durations that payloads tell of themselves, and redundancy that leaves its payload. */
#include "check.h"
#include "payload.h"

static uint32_t opus(uint8_t toc, uint8_t count, size_t len)
{
    uint8_t payload[2] = {toc, count};
    return rs_payload_duration(RS_PAYLOAD_OPUS, 2, payload, len);
}

static void opus_tells_its_duration(void)
{
    CHECK(opus(0xf8, 0, 1) == 960 && opus(0xe0, 0, 1) == 120 && opus(0xf1, 0, 2) == 2 * 480);
    CHECK(opus(0x18, 0, 1) == 2880 && opus(0x6a, 0, 2) == 2 * 960 && opus(0x62, 0, 2) == 2 * 480);
    CHECK(opus(0xfb, 6, 2) == RS_PAYLOAD_MAX_OPUS && opus(0xfb, 7, 2) == 0);
    CHECK(opus(0xfb, 0, 2) == 0 && opus(0xfb, 6, 1) == 0 && opus(0xf8, 0, 0) == 0);
}

static void samples_are_octets_of_a_channel(void)
{
    uint8_t payload[160] = {0};
    CHECK(rs_payload_duration(RS_PAYLOAD_SAMPLES, 1, payload, 160) == 160);
    CHECK(rs_payload_duration(RS_PAYLOAD_SAMPLES, 2, payload, 160) == 80);
    CHECK(rs_payload_duration(RS_PAYLOAD_SAMPLES, 1, payload, 0) == 0);
}

static void red_lasts_as_long_as_its_own_frame(void)
{
    uint8_t payload[9] = {0x80 | 111, 0, 0, 2, 111, 0xe0, 0, 0xf8, 0};
    const uint8_t *primary;
    size_t len;
    CHECK(rs_payload_duration(RS_PAYLOAD_RED, 2, payload, 9) == 960);
    CHECK(rs_payload_red_primary(payload, 9, &primary, &len) && primary == payload + 7 && len == 2);
    CHECK(rs_payload_red_primary(payload, 7, &primary, &len) && len == 0);
    for (size_t cut = 0; cut < 7; cut++)
        CHECK(!rs_payload_red_primary(payload, cut, &primary, &len));
    uint8_t many[4 * RS_PAYLOAD_MAX_BLOCKS + 1] = {0};
    for (unsigned n = 0; n < RS_PAYLOAD_MAX_BLOCKS; n++)
        many[4 * n] = 0x80;
    CHECK(!rs_payload_red_primary(many, sizeof many, &primary, &len));
    CHECK(rs_payload_red_primary(many + 4, sizeof many - 4, &primary, &len));
}

int main(void)
{
    opus_tells_its_duration();
    samples_are_octets_of_a_channel();
    red_lasts_as_long_as_its_own_frame();
    return 0;
}
