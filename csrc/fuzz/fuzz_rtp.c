/* Invariant: header, payload and padding of an RTP packet add up to it, and the members of an RTCP datagram to that. */
#include "fuzz.h"

#include "rtp.h"

static void check_rtp(const uint8_t *data, size_t size)
{
    struct rs_rtp_header header = {.csrc_count = 99};
    struct rs_rtp_packet packet = {.payload_length = UINT32_MAX};
    struct rs_span payload = {NULL, 0};
    enum rs_drop drop = rs_rtp_parse(data, size, &header);
    bool is_packet = rs_rtp_parse_packet(data, size, &packet) == RS_DROP_NONE;
    HOLDS(is_packet == (packet.payload_length != UINT32_MAX));
    HOLDS((drop == RS_DROP_NONE) == (header.csrc_count != 99));
    if (drop != RS_DROP_NONE) {
        HOLDS(!is_packet);
        return;
    }
    size_t extension = header.has_extension ? 4 + (size_t)header.extension_length : 0;
    HOLDS(size >= RS_RTP_HEADER_SIZE && data[0] >> 6 == 2 && header.csrc_count <= 15);
    HOLDS(header.header_length == RS_RTP_HEADER_SIZE + 4u * header.csrc_count + extension);
    HOLDS(header.header_length <= size && header.payload_type <= 127);
    HOLDS(rs_read_u32be(data + 8) == header.ssrc && rs_read_u16be(data + 2) == header.sequence_number);
    if (rs_rtp_payload(data, size, &header, &payload) != RS_DROP_NONE) {
        HOLDS(header.has_padding && payload.data == NULL && !is_packet);
        return;
    }
    size_t padding = header.has_padding ? data[size - 1] : 0;
    HOLDS(is_packet && packet.payload_length == payload.len && packet.header.header_length == header.header_length);
    HOLDS(payload.data == data + header.header_length);
    HOLDS(header.header_length + payload.len + padding == size && (!header.has_padding || padding > 0));
}

static void check_rtcp(const uint8_t *data, size_t size)
{
    struct rs_rtcp_member members[RS_RTCP_MAX_MEMBERS];
    unsigned count = 0;
    size_t end = 0;
    if (rs_rtcp_walk(data, size, members, &count) != RS_DROP_NONE) {
        HOLDS(count == 0);
        return;
    }
    HOLDS(count >= 1 && count <= RS_RTCP_MAX_MEMBERS);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *member = data + end;
        HOLDS(members[i].offset == end && members[i].length >= RS_RTCP_HEADER_SIZE);
        HOLDS(members[i].packet_type == member[1] && members[i].count == (member[0] & 31));
        end += RS_RTCP_HEADER_SIZE + 4 * (size_t)rs_read_u16be(member + 2);
        size_t padding = member[0] & 0x20 ? data[end - 1] : 0;
        HOLDS(end <= size && members[i].offset + members[i].length + padding == end);
        HOLDS((i + 1 == count || padding == 0) && !(member[0] & 0x20) == !padding);
    }
    HOLDS(end == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_rtp(data, size);
    check_rtcp(data, size);
    return 0;
}
