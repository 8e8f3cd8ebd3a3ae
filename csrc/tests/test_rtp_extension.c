/* Elements of header extensions: both forms, padding, and lengths that leave the extension. */
#include "check.h"
#include "rtp_extension.h"

static bool finds(uint16_t profile, const uint8_t *data, size_t len, uint8_t id, struct rs_span *out)
{
    *out = (struct rs_span){NULL, 0};
    return rs_rtp_extension_find(profile, data, len, id, out);
}

static void one_byte_elements_are_found(void)
{
    uint8_t data[8] = {0, 0x10, 0x7f, 0x31, 1, 2, 0, 0};
    struct rs_span found;
    CHECK(finds(RS_RTP_ONE_BYTE_PROFILE, data, 8, 1, &found) && found.len == 1 && found.data == data + 2);
    CHECK(finds(RS_RTP_ONE_BYTE_PROFILE, data, 8, 3, &found) && found.len == 2 && found.data == data + 4);
    CHECK(!finds(RS_RTP_ONE_BYTE_PROFILE, data, 8, 2, &found) && found.data == NULL);
    CHECK(!finds(RS_RTP_ONE_BYTE_PROFILE, data, 5, 3, &found)); /* its length leaves the extension */
    data[1] = 0xf0;
    CHECK(!finds(RS_RTP_ONE_BYTE_PROFILE, data, 8, 3, &found)); /* id 15 ends the reading */
    data[1] = 0x01;
    CHECK(!finds(RS_RTP_ONE_BYTE_PROFILE, data, 8, 3, &found)); /* so does an id 0 that has a length */
    CHECK(!finds(0x1234, data, 8, 3, &found));
}

static void two_byte_elements_are_found(void)
{
    uint8_t data[8] = {1, 0, 0, 3, 2, 7, 8, 9};
    struct rs_span found;
    CHECK(finds(0x1005, data, 8, 1, &found) && found.len == 0);
    CHECK(finds(0x1000, data, 8, 3, &found) && found.len == 2 && found.data == data + 5);
    CHECK(!finds(0x1000, data, 6, 3, &found) && !finds(0x1000, data, 4, 3, &found));
    CHECK(!finds(0x1000, data, 8, 9, &found));
}

int main(void)
{
    one_byte_elements_are_found();
    two_byte_elements_are_found();
    return 0;
}
