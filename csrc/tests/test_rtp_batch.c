/* What a session takes without asking, what it has to ask for, and what goes back. */
#include <string.h>

#include "check.h"
#include "rtp_batch.h"
#include "wire.h"

static struct rs_udp_batch out;
static struct rs_rtp_source source;
static struct rs_rtp_session rtp;
static struct rs_arrivals arrivals;
static struct rs_srtp srtp;
static struct rs_session_entry entry = {.session = 3, .srtp = &srtp, .rtp = &rtp};
static struct rs_echoes echoes = {.batch = &out};
static uint64_t turn;
static int answer;

static int seal(void *context, void *packet, int *len)
{
    (void)context;
    (void)packet;
    *len += 16;
    return answer;
}

static const struct rs_srtp_library library = {.protect = (uintptr_t)seal, .protect_rtcp = (uintptr_t)seal};

static void start(void)
{
    rtp = (struct rs_rtp_session){.is_open = true, .delivers = true, .codec_count = 1, .source_count = 1};
    rtp.path.client.port = 5;
    rtp.codecs[0] = (struct rs_rtp_codec){111, RS_PAYLOAD_OPUS, 2, true, 48000};
    rtp.sources[0] = &source;
    rtp.send_until = 100.0;
    srtp = (struct rs_srtp){.library = &library, .tag_length = 16};
    rs_rtp_source_init(&source, 9, 1, 48000, 1, 0.0);
    echoes.count = echoes.reserved = 0;
    answer = 0;
    turn++;
}

static uint8_t packet[1400] = {0x80, 111};
static struct rs_fact fact;

/* A packet of `len` octets of payload, whose extension is the `extension_length` octets before that. */
static bool take(uint16_t number, uint32_t ssrc, size_t len, uint16_t profile, uint32_t extension_length)
{
    struct rs_rtp_header header = {
        .timestamp = number * 960u,
        .ssrc = ssrc,
        .header_length = 16 + extension_length,
        .extension_length = extension_length,
        .extension_profile = profile,
        .has_extension = profile != 0,
        .sequence_number = number,
        .payload_type = 111,
    };
    fact = (struct rs_fact){.form = RS_FORM_RTP, .kind = 2};
    fact.path.client.port = 5;
    packet[header.header_length] = 0xf8;
    return rs_rtp_batch_take(&entry, turn, &fact, &header, (struct rs_span){packet + header.header_length, len}, 1.0,
                             &echoes);
}

static void known_sources_on_the_path_are_taken(void)
{
    start();
    CHECK(take(1, 9, 80, 0, 0) && fact.form == RS_FORM_TAKEN && source.received == 1 && rtp.heard_at == 1.0);
    rtp.delivers = false;
    CHECK(!take(2, 9, 80, 0, 0) && source.received == 2 && echoes.count == 0);
    CHECK(take(5000, 9, 80, 0, 0) && fact.drop == RS_DROP_RTP_PROBATION);
}

static void what_is_not_plain_is_asked_for_with_all_that_follows(void)
{
    start();
    CHECK(take(1, 8, 80, 0, 0) && fact.form == RS_FORM_RTP); /* an unknown source */
    CHECK(take(1, 9, 80, 0, 0) && fact.form == RS_FORM_RTP && source.received == 0);
    turn++;
    CHECK(take(1, 9, 80, 0, 0) && fact.form == RS_FORM_TAKEN);
    rtp.path.client.port = 6;
    CHECK(take(2, 9, 80, 0, 0) && fact.form == RS_FORM_RTP);
    start();
    rtp.is_open = false;
    CHECK(take(1, 9, 80, 0, 0) && fact.form == RS_FORM_RTP);
    start();
    rtp.codecs[0].is_inbound = false;
    CHECK(take(1, 9, 80, 0, 0) && fact.form == RS_FORM_RTP);
    start();
    rtp.watches_gaps = true;
    rtp.watched_ssrc = 9;
    CHECK(take(1, 9, 80, 0, 0) && fact.form == RS_FORM_TAKEN && take(3, 9, 80, 0, 0) && fact.form == RS_FORM_RTP);
}

static void echoes_are_sealed_and_keep_their_distances(void)
{
    start();
    rtp.echoes = true;
    rtp.delivers = false;
    rtp.stream.ssrc = 77;
    CHECK(!take(1, 9, 80, 0, 0) && !take(2, 9, 80, 0, 0) && !take(12, 9, 80, 0, 0) && !take(11, 9, 80, 0, 0));
    CHECK(echoes.count == 4 && echoes.paths[0] == &rtp.path && srtp.rtp_count == 4 && rtp.sent_at == 1.0);
    const uint32_t steps[4] = {0, 960, 11 * 960, 12 * 960};
    for (unsigned i = 0; i < 4; i++) {
        CHECK(out.datagrams[i].len == 12 + 80 + 16 && out.datagrams[i].drop == RS_DROP_NONE);
        CHECK(rs_read_u32be(out.datagrams[i].data + 4) == steps[i] && out.datagrams[i].data[12] == 0xf8);
    }
    CHECK(!take(13, 9, 0, 0, 0) && echoes.count == 4); /* padding alone */
    CHECK(!take(14, 9, RS_RTP_MAX_PAYLOAD + 1, 0, 0) && echoes.count == 4);
    answer = 9;
    CHECK(!take(15, 9, 80, 0, 0) && echoes.count == 5 && out.datagrams[4].drop == RS_DROP_SEND_FAILED);
}

static void what_may_not_be_sent_is_asked_for(void)
{
    start();
    rtp.echoes = true;
    rtp.send_until = 1.0;
    CHECK(take(1, 9, 80, 0, 0) && fact.form == RS_FORM_RTP);
    start();
    rtp.echoes = true;
    srtp.rtp_count = RS_SRTP_MAX_RTP_PACKETS - 1;
    CHECK(take(1, 9, 80, 0, 0) && fact.form == RS_FORM_RTP && echoes.count == 0);
}

static void start_with_arrivals(void)
{
    start();
    memset(&arrivals, 0, sizeof arrivals);
    rs_arrivals_init(&arrivals);
    rtp.transport_id = 3;
    rtp.arrivals = &arrivals;
}

static void what_makes_feedback_due_is_told(void)
{
    start_with_arrivals();
    rtp.delivers = false;
    for (uint16_t number = 1; number <= 60; number++) {
        memcpy(packet + 16, "\x31\x12\x34\x00", 4);
        packet[18] = (uint8_t)number;
        CHECK(take(number, 9, 80, 0xbede, 4) == (number == 1 || number == 50) && rtp.has_news == 0);
    }
    CHECK(arrivals.pending == 60 && arrivals.ssrc == 9 && echoes.count == 0);
    start_with_arrivals();
    memcpy(packet + 16, "\x03\x02\x12\x34", 4);
    CHECK(take(1, 9, 80, 0x1000, 4) && arrivals.pending == 0); /* the two-byte form was not negotiated */
    rtp.allows_two_byte = true;
    CHECK(take(2, 9, 80, 0x1000, 4) && arrivals.pending == 1 && fact.has_news);
}

static void feedback_leaves_when_it_is_due(void)
{
    start_with_arrivals();
    rtp.delivers = false;
    rtp.reports_arrivals = true;
    rtp.stream.ssrc = 77;
    memcpy(packet + 16, "\x31\x12\x34\x00", 4);
    CHECK(!take(1, 9, 80, 0xbede, 4) && echoes.count == 0);
    arrivals.due = 1.0;
    packet[18] = 0x35;
    echoes.reserved = RS_UDP_BATCH;
    CHECK(!take(2, 9, 80, 0xbede, 4) && echoes.count == 0); /* the slots are for echoes */
    echoes.reserved = RS_UDP_BATCH - 1;
    srtp.rtcp_count = RS_SRTP_MAX_RTCP_PACKETS - 1;
    packet[18] = 0x36;
    CHECK(!take(3, 9, 80, 0xbede, 4) && echoes.count == 0); /* the last packet of the keys */
    srtp.rtcp_count = 5;
    packet[18] = 0x37;
    CHECK(!take(4, 9, 80, 0xbede, 4) && echoes.count == 1 && srtp.rtcp_count == 6 && srtp.rtp_count == 0);
    const struct rs_datagram *sent = &out.datagrams[0];
    CHECK(sent->len == 12 + 16 + 16 && sent->drop == RS_DROP_NONE && echoes.paths[0] == &rtp.path);
    CHECK(memcmp(sent->data, "\x8f\xcd\x00\x06\0\0\0M\0\0\0\x09\x12\x34\x00\x04", 16) == 0);
    CHECK(memcmp(sent->data + 20, "\x20\x04", 2) == 0 && arrivals.messages == 1 && rtp.sent_at == 1.0);
    packet[18] = 0x38;
    CHECK(!take(5, 9, 80, 0xbede, 4) && echoes.count == 1);
}

static uint16_t level(uint16_t profile, const char *extension, uint8_t id)
{
    struct rs_rtp_header header = {
        .has_extension = profile != 0,
        .extension_profile = profile,
        .header_length = 20,
        .extension_length = profile == 0 ? 0 : 4,
    };
    if (profile != 0)
        memcpy(packet + 16, extension, 4);
    rtp.audio_level_id = id;
    return rs_rtp_session_audio_level(&rtp, &header, (struct rs_span){packet + 20, 80});
}

static void the_audio_level_is_one_octet_of_the_negotiated_element(void)
{
    start();
    CHECK(level(0xbede, "\x10\xff\x90\x00", 1) == 0xff && level(0xbede, "\x10\xff\x90\x00", 9) == 0);
    CHECK(level(0xbede, "\x10\xff\x90\x00", 2) == RS_NO_AUDIO_LEVEL);
    CHECK(level(0xbede, "\x10\xff\x90\x00", 0) == RS_NO_AUDIO_LEVEL);
    CHECK(level(0xbede, "\x11\xff\xff\x00", 1) == RS_NO_AUDIO_LEVEL);
    CHECK(level(0, "", 1) == RS_NO_AUDIO_LEVEL && level(0x1234, "\x10\xff\0\0", 1) == RS_NO_AUDIO_LEVEL);
    CHECK(level(0x1000, "\x01\x01\x7f\0", 1) == RS_NO_AUDIO_LEVEL);
    rtp.allows_two_byte = true;
    CHECK(level(0x1000, "\x01\x01\x7f\0", 1) == 0x7f && level(0x1000, "\x01\0\0\0", 1) == RS_NO_AUDIO_LEVEL);
}

static void what_may_be_asked_for_again_is_kept(void)
{
    static struct rs_sent_packets sent;
    start();
    rtp.echoes = true;
    rtp.delivers = false;
    rtp.sent = &sent;
    for (uint16_t number = 1; number <= 200; number++) {
        echoes.count = 0;
        CHECK(!take(number, 9, 80, 0, 0));
        CHECK(sent.count >= (number < RS_SENT_PACKETS ? number : RS_SENT_PACKETS) && sent.count <= 2 * RS_SENT_PACKETS);
        const struct rs_sent_packet *kept = &sent.packets[(sent.count - 1) % RS_SENT_PACKETS];
        CHECK(kept->len == out.datagrams[0].len && kept->at == 1.0);
        CHECK(memcmp(kept->octets, out.datagrams[0].data, kept->len) == 0);
    }
    echoes.count = 0;
    CHECK(!take(201, 9, RS_SENT_OCTETS - 12 - 16, 0, 0) && echoes.count == 1);
    turn++;
    CHECK(take(202, 9, RS_SENT_OCTETS - 12 - 15, 0, 0) && fact.form == RS_FORM_RTP && echoes.count == 1);
    answer = 9; /* refused: there is nothing to be repeated */
    uint32_t count = sent.count;
    turn++;
    CHECK(!take(202, 9, 80, 0, 0) && sent.count == count);
}

int main(void)
{
    known_sources_on_the_path_are_taken();
    what_is_not_plain_is_asked_for_with_all_that_follows();
    echoes_are_sealed_and_keep_their_distances();
    what_may_not_be_sent_is_asked_for();
    what_makes_feedback_due_is_told();
    feedback_leaves_when_it_is_due();
    what_may_be_asked_for_again_is_kept();
    the_audio_level_is_one_octet_of_the_negotiated_element();
    return 0;
}
