#include "rtp.h"

#include <string.h>

enum rs_drop rs_rtp_parse(const uint8_t *data, size_t len, struct rs_rtp_header *out)
{
    if (len < RS_RTP_HEADER_SIZE)
        return RS_DROP_TOO_SHORT;
    uint8_t first = data[0];
    if (first >> 6 != 2)
        return RS_DROP_RTP_MALFORMED;
    uint8_t csrc_count = first & 15;
    size_t left = len - RS_RTP_HEADER_SIZE;
    if (left < 4u * csrc_count)
        return RS_DROP_RTP_MALFORMED;
    left -= 4u * csrc_count;
    uint16_t profile = 0;
    uint32_t extension_length = 0;
    if (first & 0x10) {
        if (left < 4)
            return RS_DROP_RTP_MALFORMED;
        const uint8_t *extension = data + (len - left);
        profile = rs_read_u16be(extension);
        extension_length = 4u * rs_read_u16be(extension + 2);
        left -= 4;
        if (left < extension_length)
            return RS_DROP_RTP_MALFORMED;
        left -= extension_length;
    }
    *out = (struct rs_rtp_header){
        .timestamp = rs_read_u32be(data + 4),
        .ssrc = rs_read_u32be(data + 8),
        .header_length = (uint32_t)(len - left),
        .extension_length = extension_length,
        .sequence_number = rs_read_u16be(data + 2),
        .extension_profile = profile,
        .payload_type = data[1] & 0x7f,
        .csrc_count = csrc_count,
        .has_marker = data[1] >> 7,
        .has_padding = first >> 5 & 1,
        .has_extension = first >> 4 & 1,
    };
    return RS_DROP_NONE;
}

enum rs_drop rs_rtp_payload(const uint8_t *data, size_t len, const struct rs_rtp_header *header,
                            struct rs_span *payload)
{
    if (len < header->header_length)
        return RS_DROP_RTP_MALFORMED;
    size_t left = len - header->header_length;
    if (header->has_padding) {
        if (left == 0 || data[len - 1] == 0 || data[len - 1] > left)
            return RS_DROP_RTP_MALFORMED;
        left -= data[len - 1];
    }
    *payload = (struct rs_span){data + header->header_length, left};
    return RS_DROP_NONE;
}

enum rs_drop rs_rtp_parse_packet(const uint8_t *data, size_t len, struct rs_rtp_packet *out)
{
    struct rs_rtp_header header;
    struct rs_span payload;
    enum rs_drop drop = rs_rtp_parse(data, len, &header);
    if (drop == RS_DROP_NONE)
        drop = rs_rtp_payload(data, len, &header, &payload);
    if (drop == RS_DROP_NONE)
        *out = (struct rs_rtp_packet){header, (uint32_t)payload.len};
    return drop;
}

/* Takes the padding off the last member. */
static enum rs_drop remove_padding(const uint8_t *data, struct rs_rtcp_member *last)
{
    uint8_t padding = data[last->offset + last->length - 1];
    if (padding == 0 || padding > last->length - RS_RTCP_HEADER_SIZE)
        return RS_DROP_RTCP_MALFORMED;
    last->length -= padding;
    return RS_DROP_NONE;
}

enum rs_drop rs_rtcp_walk(const uint8_t *data, size_t len, struct rs_rtcp_member *members, unsigned *count)
{
    struct rs_rtcp_member found[RS_RTCP_MAX_MEMBERS];
    unsigned n = 0;

    if (len < RS_RTCP_HEADER_SIZE)
        return RS_DROP_TOO_SHORT;
    for (size_t at = 0; at < len; n++) {
        size_t left = len - at;
        if (n == RS_RTCP_MAX_MEMBERS || left < RS_RTCP_HEADER_SIZE || data[at] >> 6 != 2)
            return RS_DROP_RTCP_MALFORMED;
        size_t length = RS_RTCP_HEADER_SIZE + 4u * rs_read_u16be(data + at + 2);
        bool has_padding = data[at] >> 5 & 1;
        if (left < length || (has_padding && left != length))
            return RS_DROP_RTCP_MALFORMED;
        found[n] = (struct rs_rtcp_member){(uint32_t)at, (uint32_t)length, data[at + 1], data[at] & 31};
        if (has_padding && remove_padding(data, &found[n]) != RS_DROP_NONE)
            return RS_DROP_RTCP_MALFORMED;
        at += length;
    }
    memcpy(members, found, n * sizeof found[0]);
    *count = n;
    return RS_DROP_NONE;
}
