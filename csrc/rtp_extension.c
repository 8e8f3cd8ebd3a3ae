#include "rtp_extension.h"

static bool find_one_byte(const uint8_t *data, size_t len, uint8_t id, struct rs_span *out)
{
    for (size_t at = 0; at < len;) {
        uint8_t head = data[at++];
        size_t size = (head & 0xfu) + 1;
        if (head == 0)
            continue;
        if (head >> 4 == 0 || head >> 4 == 15 || len - at < size)
            return false;
        if (head >> 4 == id) {
            *out = (struct rs_span){data + at, size};
            return true;
        }
        at += size;
    }
    return false;
}

static bool find_two_byte(const uint8_t *data, size_t len, uint8_t id, struct rs_span *out)
{
    for (size_t at = 0; at < len;) {
        uint8_t this_id = data[at++];
        if (this_id == 0)
            continue;
        if (at == len || len - at - 1 < data[at])
            return false;
        if (this_id == id) {
            *out = (struct rs_span){data + at + 1, data[at]};
            return true;
        }
        at += 1 + (size_t)data[at];
    }
    return false;
}

bool rs_rtp_extension_find(uint16_t profile, const uint8_t *data, size_t len, uint8_t id, struct rs_span *out)
{
    if (profile == RS_RTP_ONE_BYTE_PROFILE)
        return find_one_byte(data, len, id, out);
    return rs_rtp_is_two_byte(profile) && find_two_byte(data, len, id, out);
}
