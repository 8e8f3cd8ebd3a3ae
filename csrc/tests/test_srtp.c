/* What stands in front of libsrtp, with a library in its place that shows what it was asked. What libsrtp itself does
 * with packets is shown in Python (tests/unit/test_srtp.py), on this code. */
#include <string.h>

#include "check.h"
#include "classify.h"
#include "srtp.h"
#include "srtp_batch.h"
#include "wire.h"

#define TAG 16u

static unsigned asked; /* how often the library was called */
static int answer;     /* srtp_err_status_t of the next call */
static int misaligned;

/* Takes TAG octets off, and the index word of SRTCP. */
static int open_rtp(void *context, void *packet, int *len)
{
    CHECK(context != NULL);
    asked++;
    misaligned |= (uintptr_t)packet % 4 != 0;
    *len -= (int)TAG;
    return answer;
}

static int open_rtcp(void *context, void *packet, int *len)
{
    *len -= 4;
    return open_rtp(context, packet, len);
}

static int seal(void *context, void *packet, int *len)
{
    CHECK(context != NULL);
    asked++;
    memset((uint8_t *)packet + *len, 0xee, TAG);
    *len += (int)TAG;
    return answer;
}

static const struct rs_srtp_library library = {
    (uintptr_t)seal,
    (uintptr_t)seal,
    (uintptr_t)open_rtp,
    (uintptr_t)open_rtcp,
};

static struct rs_srtp keys(void)
{
    static int context;
    asked = 0;
    answer = 0;
    return (struct rs_srtp){
        .library = &library,
        .outbound = &context,
        .inbound = &context,
        .tag_length = TAG,
        .is_index_last = true,
    };
}

static uint8_t *rtp(uint8_t *packet, uint8_t first, uint32_t ssrc)
{
    memset(packet, 0, RS_SRTP_MAX_RECEIVED + 100);
    packet[0] = first;
    packet[1] = 111;
    rs_write_u32be(packet + 8, ssrc);
    return packet;
}

static void lengths_are_judged_before_the_library_sees_them(void)
{
    static const struct {
        uint8_t first;
        uint16_t words; /* of the extension */
        size_t header;
    } forms[] = {{0x80, 0, 12}, {0x8f, 0, 72}, {0x90, 0, 16}, {0x90, 2, 24}, {0x9f, 1, 80}};
    static uint8_t packet[RS_SRTP_MAX_RECEIVED + 100];
    struct rs_srtp srtp = keys();
    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t len = forms[i].header + TAG - 1;
        rtp(packet, forms[i].first, 1);
        if (forms[i].first & 0x10)
            rs_write_u16be(packet + 12 + 4 * (forms[i].first & 15) + 2, forms[i].words);
        CHECK(rs_srtp_unprotect(&srtp, false, packet, &len) == RS_DROP_SRTP_MALFORMED && asked == i);
        len = forms[i].header + TAG;
        CHECK(rs_srtp_unprotect(&srtp, false, packet, &len) == RS_DROP_NONE && len == forms[i].header);
    }
    size_t len = RS_SRTP_MAX_RECEIVED + 1;
    srtp = keys();
    CHECK(rs_srtp_unprotect(&srtp, false, rtp(packet, 0x80, 1), &len) == RS_DROP_OVERSIZE);
    CHECK(rs_srtp_unprotect(&srtp, false, rtp(packet, 0x40, 1), &len) == RS_DROP_SRTP_MALFORMED && asked == 0);
}

static void the_e_flag_is_where_the_profile_puts_it(void)
{
    uint8_t packet[64] = {0x80, 201};
    for (unsigned is_last = 0; is_last < 2; is_last++) {
        struct rs_srtp srtp = keys();
        size_t len = sizeof packet;
        srtp.is_index_last = is_last;
        memset(packet + 8, 0, sizeof packet - 8);
        CHECK(rs_srtp_unprotect(&srtp, true, packet, &len) == RS_DROP_SRTCP_UNENCRYPTED && asked == 0);
        packet[sizeof packet - (is_last ? 4 : 4 + TAG)] = 0x80;
        CHECK(rs_srtp_unprotect(&srtp, true, packet, &len) == RS_DROP_NONE && len == sizeof packet - 4 - TAG);
        len = 8 + 4 + TAG - 1;
        CHECK(rs_srtp_unprotect(&srtp, true, packet, &len) == RS_DROP_SRTP_MALFORMED && asked == 1);
    }
}

static void only_authentic_sources_count(void)
{
    static uint8_t packet[RS_SRTP_MAX_RECEIVED + 100];
    struct rs_srtp srtp = keys();
    answer = 7;
    for (uint32_t ssrc = 0; ssrc < 2 * RS_SRTP_MAX_SOURCES; ssrc++) {
        size_t len = 100;
        CHECK(rs_srtp_unprotect(&srtp, false, rtp(packet, 0x80, ssrc), &len) == RS_DROP_SRTP_AUTH_FAILED && len == 100);
    }
    answer = 0;
    for (uint32_t ssrc = 0; ssrc <= RS_SRTP_MAX_SOURCES; ssrc++) {
        size_t len = 100;
        bool is_one_too_many = ssrc == RS_SRTP_MAX_SOURCES;
        CHECK(rs_srtp_unprotect(&srtp, false, rtp(packet, 0x80, ssrc), &len) ==
              (is_one_too_many ? RS_DROP_RTP_SOURCE_LIMIT : RS_DROP_NONE));
    }
    size_t len = 100;
    CHECK(rs_srtp_unprotect(&srtp, false, rtp(packet, 0x80, 5), &len) == RS_DROP_NONE);
}

static void every_status_of_the_library_has_its_reason(void)
{
    static uint8_t packet[RS_SRTP_MAX_RECEIVED + 100];
    struct rs_srtp srtp = keys();
    for (answer = 1; answer < 40; answer++) {
        size_t len = 100;
        enum rs_drop drop = rs_srtp_unprotect(&srtp, false, rtp(packet, 0x80, 1), &len);
        bool is_replay = answer == 9 || answer == 10 || answer == 26;
        bool is_malformed = answer == 2 || answer == 21;
        CHECK(drop == (is_replay      ? RS_DROP_SRTP_REPLAYED
                       : is_malformed ? RS_DROP_SRTP_MALFORMED
                                      : RS_DROP_SRTP_AUTH_FAILED));
    }
}

static void trailers_have_room(void)
{
    uint8_t packet[64 + RS_SRTP_MAX_TRAILER] = {0x80, 111};
    struct rs_srtp srtp = keys();
    size_t len = 64;
    CHECK(rs_srtp_protect(&srtp, false, packet, &len, 64 + RS_SRTP_MAX_TRAILER - 1) == RS_DROP_OVERSIZE);
    CHECK(rs_srtp_protect(&srtp, false, packet, &len, 63) == RS_DROP_OVERSIZE && asked == 0);
    CHECK(rs_srtp_protect(&srtp, false, packet, &len, sizeof packet) == RS_DROP_NONE && len == 64 + TAG);
    answer = 9;
    len = 40;
    CHECK(rs_srtp_protect(&srtp, false, packet, &len, sizeof packet) == RS_DROP_SEND_FAILED);
    len = 11;
    CHECK(rs_srtp_protect(&srtp, false, packet, &len, sizeof packet) == RS_DROP_SRTP_MALFORMED);
}

/* A batch of a stranger's packet, one of a session without keys, and three of a session with keys; behind a relay's
 * header, so that nothing is aligned. */
static void a_batch_is_opened_where_there_are_keys(void)
{
    static struct rs_udp_batch batch;
    static struct rs_session_entry entries[16];
    static uint8_t octets[5 * 100];
    struct rs_session_table table = {.entries = entries, .capacity = 16};
    struct rs_srtp srtp = keys(), *none[5] = {NULL};
    struct rs_path paths[5] = {0};
    struct rs_fact facts[5];
    uint32_t lengths[5] = {100, 100, 100, 100, 100};
    struct rs_echoes echoes = {.batch = NULL};
    for (unsigned i = 0; i < 5; i++) {
        paths[i].client.port = (uint16_t)(i < 2 ? i + 1 : 3);
        octets[100 * i] = 0x80;
        octets[100 * i + 1] = 111;
        octets[100 * i + 3] = (uint8_t)i;
    }
    octets[301] = 201; /* RTCP, its E flag set */
    octets[396] = 0x80;
    octets[400] = 0xa0; /* padding of more than there is */
    octets[400 + 99 - TAG] = 255;
    CHECK(rs_session_table_put(&table, &paths[1].client, 1, NULL, NULL) == RS_OK);
    CHECK(rs_session_table_put(&table, &paths[2].client, 2, &srtp, NULL) == RS_OK);
    CHECK(rs_srtp_batch_load(&batch, octets, sizeof octets - 1, lengths, none, 5) == RS_INVALID);
    CHECK(rs_srtp_batch_load(&batch, octets, sizeof octets, lengths, none, 5) == RS_OK);
    for (unsigned i = 0; i < 5; i++) {
        memmove(batch.datagrams[i].data + 38, batch.datagrams[i].data, 100);
        batch.datagrams[i].data += 38;
    }
    rs_srtp_batch_describe(&batch, paths, 5, facts);
    CHECK(rs_srtp_batch_open(&table, &batch, facts, 5, 1.0, &echoes) == 5 && echoes.count == 0);
    CHECK(asked == 3 && !misaligned);
    CHECK(facts[0].form == RS_FORM_RECEIVED && facts[1].form == RS_FORM_RECEIVED && facts[1].len == 100);
    CHECK(facts[2].form == RS_FORM_RTP && facts[2].session == 2 && facts[2].sequence_number == 2);
    CHECK(facts[2].header_length == 12 && facts[2].payload_length == 100 - TAG - 12 && facts[2].len == 100 - TAG);
    CHECK(((uint8_t *)&batch)[facts[2].offset + 3] == 2);
    CHECK(facts[3].form == RS_FORM_PLAIN && facts[3].kind == RS_KIND_RTCP && facts[3].len == 80);
    CHECK(facts[4].form == RS_FORM_PLAIN && facts[4].kind == RS_KIND_RTP && facts[4].drop == RS_DROP_NONE);
}

static void a_batch_is_sealed_where_there_are_keys(void)
{
    static struct rs_udp_batch batch;
    static uint8_t octets[40 + 40 + 40 + RS_UDP_PAYLOAD + 1] = {0x80, 111};
    struct rs_srtp srtp = keys();
    struct rs_srtp *who[4] = {&srtp, NULL, &srtp, NULL};
    uint32_t lengths[4] = {40, 40, 40, RS_UDP_PAYLOAD + 1};
    octets[80] = 22; /* DTLS is not ours to protect */
    CHECK(rs_srtp_batch_load(&batch, octets, sizeof octets, lengths, who, 4) == RS_OK);
    CHECK(batch.datagrams[0].drop == RS_DROP_NONE && batch.datagrams[0].len == 40 + TAG);
    CHECK(batch.datagrams[0].data[40] == 0xee);
    CHECK(batch.datagrams[1].drop == RS_DROP_NONE && batch.datagrams[1].len == 40);
    CHECK(batch.datagrams[2].drop == RS_DROP_SEND_FAILED && batch.datagrams[3].drop == RS_DROP_OVERSIZE);
    CHECK(rs_srtp_batch_load(&batch, octets, sizeof octets, lengths, who, RS_UDP_BATCH + 1) == RS_INVALID);
}

int main(void)
{
    lengths_are_judged_before_the_library_sees_them();
    the_e_flag_is_where_the_profile_puts_it();
    only_authentic_sources_count();
    every_status_of_the_library_has_its_reason();
    trailers_have_room();
    a_batch_is_opened_where_there_are_keys();
    a_batch_is_sealed_where_there_are_keys();
    return 0;
}
