#include "payload.h"

#include "wire.h"

#define COPY_HEADER 4u
#define FOLLOWS 0x80 /* another header is behind this one */
#define BLOCK_LENGTH 0x3ffu

/* Samples of one frame at 48 kHz by the 5-bit configuration (RFC 6716 table 2). */
static uint32_t frame_duration(uint8_t configuration)
{
    static const uint16_t silk[4] = {480, 960, 1920, 2880};
    if (configuration < 12)
        return silk[configuration & 3];
    if (configuration < 16)
        return configuration & 1 ? 960 : 480;
    return 120u << (configuration & 3);
}

static uint32_t opus_duration(const uint8_t *payload, size_t len)
{
    if (len == 0)
        return 0;
    uint32_t frames = (payload[0] & 3) == 0 ? 1 : 2;
    if ((payload[0] & 3) == 3) {
        if (len < 2)
            return 0;
        frames = payload[1] & 0x3f;
    }
    uint32_t duration = frames * frame_duration(payload[0] >> 3);
    return duration <= RS_PAYLOAD_MAX_OPUS ? duration : 0;
}

bool rs_payload_red_primary(const uint8_t *payload, size_t len, const uint8_t **primary, size_t *primary_len)
{
    size_t at = 0, copies = 0;
    for (unsigned n = 0; at < len && payload[at] & FOLLOWS; n++) {
        if (len - at < COPY_HEADER || n == RS_PAYLOAD_MAX_BLOCKS - 1)
            return false;
        copies += rs_read_u32be(payload + at) & BLOCK_LENGTH;
        at += COPY_HEADER;
    }
    if (at == len || len - at - 1 < copies)
        return false;
    *primary = payload + at + 1 + copies;
    *primary_len = len - at - 1 - copies;
    return true;
}

uint32_t rs_payload_duration(enum rs_payload_format format, uint8_t channels, const uint8_t *payload, size_t len)
{
    switch (format) {
    case RS_PAYLOAD_RED:
        return rs_payload_red_primary(payload, len, &payload, &len) ? opus_duration(payload, len) : 0;
    case RS_PAYLOAD_OPUS:
        return opus_duration(payload, len);
    default:
        return channels ? (uint32_t)(len / channels) : 0;
    }
}
