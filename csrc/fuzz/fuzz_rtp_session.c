/* Invariant: what a session takes is counted once and what it asks for changes nothing; what goes back is the payload
 * behind a header of ours, in one datagram, and feedback fits its room.
 *
 * Input: flags, the ids of both extensions in one octet, then packets, each behind its length. */
#include "fuzz.h"

#include <stdlib.h>

#include "rtp_session.h"
#include "wire.h"

#define MAX_PACKETS 100u

static struct rs_rtp_source source;
static struct rs_rtp_session session;
static struct rs_arrivals arrivals;

static void begin(uint8_t flags, uint8_t ids)
{
    source = (struct rs_rtp_source){.ssrc = 0};
    arrivals = (struct rs_arrivals){.due = 0};
    rs_arrivals_init(&arrivals);
    session = (struct rs_rtp_session){
        .is_open = true,
        .echoes = flags & 1,
        .delivers = true,
        .codec_count = 3,
        .source_count = 1,
        .transport_id = ids >> 4,
        .audio_level_id = ids & 15,
        .allows_two_byte = flags >> 1 & 1,
        .watches_gaps = flags >> 2 & 1,
        .reports_arrivals = flags >> 3 & 1,
        .arrivals = ids >> 4 ? &arrivals : NULL,
        .sources = {&source},
        .codecs = {{111, RS_PAYLOAD_OPUS, 2, true, 48000},
                   {63, RS_PAYLOAD_RED, 2, true, 48000},
                   {0, RS_PAYLOAD_SAMPLES, 1, true, 8000}},
        .send_until = 1e9,
    };
}

static void echo(const struct rs_rtp_header *header, struct rs_span payload, double now)
{
    uint8_t *packet = malloc(RS_RTP_HEADER_SIZE + RS_RTP_MAX_PAYLOAD);
    HOLDS(packet != NULL);
    size_t len = rs_rtp_session_echo(&session, header->payload_type, header->has_marker, header->timestamp, payload,
                                     now, packet);
    HOLDS(len == 0 || (len == RS_RTP_HEADER_SIZE + payload.len && payload.len <= RS_RTP_MAX_PAYLOAD));
    HOLDS(len == 0 || memcmp(packet + RS_RTP_HEADER_SIZE, payload.data, payload.len) == 0);
    free(packet);
}

static void report(double now)
{
    size_t room = RS_ARRIVALS_HEADER + RS_ARRIVALS_MESSAGE;
    uint8_t *packet = malloc(room);
    HOLDS(packet != NULL);
    size_t len = rs_rtp_session_feedback(&session, now, packet);
    HOLDS(len <= room && len % 4 == 0);
    HOLDS(len == 0 || (packet[0] >> 6 == 2 && packet[1] == 205 && 4 * (size_t)rs_read_u16be(packet + 2) + 4 == len));
    free(packet);
}

static void take(const uint8_t *data, size_t size, double now)
{
    struct rs_rtp_header header;
    struct rs_span payload;
    if (rs_rtp_parse(data, size, &header) != RS_DROP_NONE ||
        rs_rtp_payload(data, size, &header, &payload) != RS_DROP_NONE)
        return;
    if (source.ssrc == 0) {
        rs_rtp_source_init(&source, header.ssrc, header.sequence_number, 48000, 1, now);
        session.watched_ssrc = header.ssrc;
        session.watched_number = (uint16_t)(header.sequence_number - 1);
    }
    struct rs_rtp_source source_before = source;
    struct rs_rtp_session before = session;
    struct rs_arrivals arrivals_before = arrivals;
    uint16_t level = rs_rtp_session_audio_level(&session, &header, payload);
    HOLDS(level <= 255 || level == RS_NO_AUDIO_LEVEL);
    enum rs_rtp_verdict verdict = rs_rtp_session_receive(&session, &header, payload, now);
    if (verdict == RS_RTP_ASK) {
        HOLDS(memcmp(&before, &session, sizeof session) == 0);
        HOLDS(memcmp(&source_before, &source, sizeof source) == 0);
        HOLDS(memcmp(&arrivals_before, &arrivals, sizeof arrivals) == 0);
        return;
    }
    uint64_t counted =
        source.received_before + source.received - source_before.received_before - source_before.received;
    HOLDS(counted == (verdict == RS_RTP_TAKEN));
    if (verdict == RS_RTP_TAKEN && session.echoes)
        echo(&header, payload, now);
    if (session.reports_arrivals)
        report(now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    double step = 0.02 * (1 + (data[0] >> 4));
    begin(data[0], data[1]);
    data += 2;
    size -= 2;
    for (unsigned n = 0; n < MAX_PACKETS && size > 0; n++) {
        size_t len = data[0];
        data++;
        size--;
        len = len < size ? len : size;
        uint8_t *packet = malloc(len + !len);
        HOLDS(packet != NULL);
        memcpy(packet, data, len);
        take(packet, len, 1.0 + step * n);
        free(packet);
        data += len;
        size -= len;
    }
    return 0;
}
