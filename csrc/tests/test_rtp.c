/* RTP header and payload bounds (checklist F1, F2), and the walk over RTCP (F10), at every alignment. */
#include <string.h>

#include "check.h"
#include "rtp.h"

/* 2 CSRCs, 4 octets of extension, 3 of payload, 2 of padding. */
static const uint8_t full[] = {
    0xb2, 0xe0, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0,   0,   0, 1, 0,
    0,    0,    2,    0xbe, 0xde, 0x00, 0x01, 0x10, 0xff, 0x00, 0x00, 'a',  'b', 'c', 0, 2,
};
#define FULL_HEADER 28

/* Header and payload of an exact allocation that starts `shift` octets after an aligned address. */
static enum rs_drop parse_at(const uint8_t *data, size_t len, unsigned shift, struct rs_rtp_header *header,
                             size_t *payload_length)
{
    uint8_t *room = malloc(len + shift + 1);
    struct rs_span payload;

    CHECK(room != NULL);
    uint8_t *copy = room + 1 + shift;
    memcpy(copy, data, len);
    enum rs_drop drop = rs_rtp_parse(copy, len, header);
    if (drop == RS_DROP_NONE)
        drop = rs_rtp_payload(copy, len, header, &payload);
    if (drop == RS_DROP_NONE) {
        CHECK(payload.data >= copy && payload.data + payload.len <= copy + len);
        *payload_length = payload.len;
    }
    free(room);
    return drop;
}

static void test_every_field_at_every_alignment(void)
{
    struct rs_rtp_header header;
    size_t payload_length;

    for (unsigned shift = 0; shift < 8; shift++) {
        CHECK(parse_at(full, sizeof full, shift, &header, &payload_length) == RS_DROP_NONE);
        CHECK(header.payload_type == 0x60 && header.has_marker && header.sequence_number == 0x0102);
        CHECK(header.timestamp == 0x03040506 && header.ssrc == 0x0708090a && header.csrc_count == 2);
        CHECK(header.has_extension && header.extension_profile == 0xbede && header.extension_length == 4);
        CHECK(header.has_padding && header.header_length == FULL_HEADER && payload_length == 3);
    }
}

static void test_every_truncation(void)
{
    struct rs_rtp_header header = {.ssrc = 7};
    size_t payload_length;
    uint8_t unpadded[sizeof full];

    memcpy(unpadded, full, sizeof full);
    unpadded[0] &= 0xdf;
    for (size_t len = 0; len < FULL_HEADER; len++) {
        enum rs_drop expected = len < RS_RTP_HEADER_SIZE ? RS_DROP_TOO_SHORT : RS_DROP_RTP_MALFORMED;
        CHECK(parse_at(unpadded, len, 0, &header, &payload_length) == expected);
        CHECK(header.ssrc == 7);
    }
    for (size_t len = FULL_HEADER; len <= sizeof full; len++) {
        CHECK(parse_at(unpadded, len, 0, &header, &payload_length) == RS_DROP_NONE);
        CHECK(payload_length == len - FULL_HEADER);
    }
}

static void test_padding_within_the_payload(void)
{
    struct rs_rtp_header header;
    size_t payload_length;
    uint8_t packet[sizeof full];

    memcpy(packet, full, sizeof full);
    for (unsigned padding = 0; padding < 256; padding++) {
        packet[sizeof packet - 1] = (uint8_t)padding;
        enum rs_drop drop = parse_at(packet, sizeof packet, 0, &header, &payload_length);
        CHECK((drop == RS_DROP_NONE) == (padding >= 1 && padding <= 5));
        CHECK(drop != RS_DROP_NONE || payload_length == 5 - padding);
    }
    CHECK(parse_at(packet, FULL_HEADER, 0, &header, &payload_length) == RS_DROP_RTP_MALFORMED);
}

static enum rs_drop walk(const uint8_t *data, size_t len, struct rs_rtcp_member *members, unsigned *count)
{
    uint8_t *copy = malloc(len ? len : 1);

    CHECK(copy != NULL);
    memcpy(copy, data, len);
    enum rs_drop drop = rs_rtcp_walk(copy, len, members, count);
    free(copy);
    return drop;
}

static void test_rtcp_members(void)
{
    static const uint8_t compound[] = {0x80, 201, 0, 1, 0, 0, 0, 1, 0xa1, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4};
    struct rs_rtcp_member members[RS_RTCP_MAX_MEMBERS];
    unsigned count = 99;

    CHECK(walk(compound, sizeof compound, members, &count) == RS_DROP_NONE && count == 2);
    CHECK(members[0].offset == 0 && members[0].length == 8 && members[0].packet_type == 201);
    CHECK(members[1].offset == 8 && members[1].length == 8 && members[1].count == 1);
    for (size_t len = 0; len < sizeof compound; len++) {
        enum rs_drop expected = len < 4 ? RS_DROP_TOO_SHORT : len == 8 ? RS_DROP_NONE : RS_DROP_RTCP_MALFORMED;
        CHECK(walk(compound, len, members, &count) == expected);
    }
}

static void test_rtcp_padding(void)
{
    uint8_t compound[] = {0x80, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0x80, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4};
    struct rs_rtcp_member members[RS_RTCP_MAX_MEMBERS];
    unsigned count;

    compound[0] |= 0x20; /* only the last one may have padding */
    CHECK(walk(compound, sizeof compound, members, &count) == RS_DROP_RTCP_MALFORMED);
    compound[0] &= 0xdf;
    compound[12] |= 0x20;
    for (unsigned padding = 0; padding < 256; padding++) {
        compound[sizeof compound - 1] = (uint8_t)padding;
        enum rs_drop drop = walk(compound, sizeof compound, members, &count);
        CHECK((drop == RS_DROP_NONE) == (padding >= 1 && padding <= 8));
        CHECK(drop != RS_DROP_NONE || members[1].length == 12 - padding);
    }
}

static void test_rtcp_is_bounded_by_members(void)
{
    struct rs_rtcp_member members[RS_RTCP_MAX_MEMBERS];
    uint8_t datagram[1400] = {0};
    unsigned count = 99;

    for (size_t at = 0; at < sizeof datagram; at += 4)
        datagram[at] = 0x80;
    CHECK(walk(datagram, sizeof datagram, members, &count) == RS_DROP_RTCP_MALFORMED && count == 99);
    CHECK(walk(datagram, 4 * RS_RTCP_MAX_MEMBERS, members, &count) == RS_DROP_NONE && count == RS_RTCP_MAX_MEMBERS);
    CHECK(walk(datagram, 4 * RS_RTCP_MAX_MEMBERS + 4, members, &count) == RS_DROP_RTCP_MALFORMED);
}

int main(void)
{
    test_every_field_at_every_alignment();
    test_every_truncation();
    test_padding_within_the_payload();
    test_rtcp_members();
    test_rtcp_padding();
    test_rtcp_is_bounded_by_members();
    return 0;
}
