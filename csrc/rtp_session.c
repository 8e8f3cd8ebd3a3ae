#include "rtp_session.h"

#include <string.h>

#include "rtp_extension.h"
#include "wire.h"

#define HALF 0x80000000u
#define LONGEST_KEPT (RS_SENT_OCTETS - RS_RTP_HEADER_SIZE - 16) /* less the longest tag of SRTP */

static const struct rs_rtp_codec *find_codec(const struct rs_rtp_session *session, uint8_t payload_type)
{
    for (unsigned i = 0; i < session->codec_count; i++)
        if (session->codecs[i].payload_type == payload_type)
            return &session->codecs[i];
    return NULL;
}

static struct rs_rtp_source *find_source(const struct rs_rtp_session *session, uint32_t ssrc)
{
    for (unsigned i = 0; i < session->source_count; i++)
        if (session->sources[i]->ssrc == ssrc)
            return session->sources[i];
    return NULL;
}

static bool is_sound(const struct rs_rtp_codec *codec, struct rs_span payload)
{
    struct rs_span primary;
    return codec->format != RS_PAYLOAD_RED || payload.len == 0 ||
           rs_payload_red_primary(payload.data, payload.len, &primary.data, &primary.len);
}

static bool is_in_sequence(const struct rs_rtp_session *session, const struct rs_rtp_header *header)
{
    return header->ssrc == session->watched_ssrc && header->sequence_number == (uint16_t)(session->watched_number + 1);
}

/* Whether the packet can be taken as it is. */
static bool is_plain(const struct rs_rtp_session *session, const struct rs_rtp_header *header,
                     const struct rs_rtp_codec *codec, struct rs_span payload, double now)
{
    if (codec == NULL || !codec->is_inbound || !is_sound(codec, payload))
        return false;
    if (session->watches_gaps && !is_in_sequence(session, header))
        return false;
    if (session->echoes && session->sent != NULL && payload.len > LONGEST_KEPT)
        return false;
    return !session->echoes || (session->send_from <= now && now < session->send_until);
}

/* Whether the form of the packet's extension was not negotiated (RFC 8285 section 4.1.2). */
static bool is_foreign(const struct rs_rtp_session *session, const struct rs_rtp_header *header)
{
    return rs_rtp_is_two_byte(header->extension_profile) && !session->allows_two_byte;
}

/* As rs_rtp_extension_find; the extension ends where the payload begins. */
static bool find_element(const struct rs_rtp_header *header, struct rs_span payload, uint8_t id, struct rs_span *out)
{
    const uint8_t *data = payload.data - header->extension_length;
    return rs_rtp_extension_find(header->extension_profile, data, header->extension_length, id, out);
}

static void note_arrival(struct rs_rtp_session *session, const struct rs_rtp_header *header, struct rs_span payload,
                         double now)
{
    struct rs_span value;
    if (!find_element(header, payload, session->transport_id, &value) || value.len != 2)
        return;
    if (rs_arrivals_note(session->arrivals, rs_read_u16be(value.data), header->ssrc, now) && !session->reports_arrivals)
        session->has_news = 1;
}

enum rs_rtp_verdict rs_rtp_session_receive(struct rs_rtp_session *session, struct rs_rtp_header *header,
                                           struct rs_span payload, double now)
{
    const struct rs_rtp_codec *codec = find_codec(session, header->payload_type);
    struct rs_rtp_source *source = find_source(session, header->ssrc);
    if (source == NULL || !is_plain(session, header, codec, payload, now))
        return RS_RTP_ASK;
    if (is_foreign(session, header)) {
        header->extension_length = 0;
        header->extension_profile = 0;
        header->has_extension = 0;
    }
    session->heard_at = now;
    if (session->arrivals != NULL && header->has_extension)
        note_arrival(session, header, payload, now);
    if (!rs_rtp_source_receive(source, header->sequence_number, header->timestamp, (uint32_t)payload.len,
                               codec->clock_rate, now))
        return RS_RTP_ON_PROBATION;
    session->watched_number = header->sequence_number;
    return RS_RTP_TAKEN;
}

uint16_t rs_rtp_session_audio_level(const struct rs_rtp_session *session, const struct rs_rtp_header *header,
                                    struct rs_span payload)
{
    struct rs_span value;
    if (session->audio_level_id == 0 || !header->has_extension || is_foreign(session, header) ||
        !find_element(header, payload, session->audio_level_id, &value) || value.len != 1)
        return RS_NO_AUDIO_LEVEL;
    return value.data[0];
}

size_t rs_rtp_session_feedback(struct rs_rtp_session *session, double now,
                               uint8_t packet[RS_ARRIVALS_HEADER + RS_ARRIVALS_MESSAGE])
{
    if (session->arrivals == NULL || !session->reports_arrivals || now < session->arrivals->due)
        return 0;
    return rs_arrivals_packet(session->arrivals, session->stream.ssrc, now, packet);
}

size_t rs_rtp_session_echo(struct rs_rtp_session *session, uint8_t payload_type, bool has_marker, uint32_t timestamp,
                           struct rs_span payload, double now, uint8_t *packet)
{
    const struct rs_rtp_codec *codec = find_codec(session, payload_type);
    if (codec == NULL || payload.len == 0 || payload.len > RS_RTP_MAX_PAYLOAD)
        return 0;
    uint32_t duration =
        rs_payload_duration((enum rs_payload_format)codec->format, codec->channels, payload.data, payload.len);
    if (duration == 0)
        return 0;
    uint32_t gap = session->has_echoed ? timestamp - session->echo_timestamp : 0;
    struct rs_rtp_step step = {
        .clock_rate = codec->clock_rate,
        .duration = duration,
        .gap = gap < HALF ? gap : 0,
        .payload_type = payload_type,
        .has_marker = has_marker,
    };
    if (gap < HALF) {
        session->echo_timestamp = timestamp + duration;
        session->has_echoed = 1;
    }
    rs_rtp_stream_next(&session->stream, &step, (uint32_t)payload.len, now, packet);
    memcpy(packet + RS_RTP_HEADER_SIZE, payload.data, payload.len);
    return RS_RTP_HEADER_SIZE + payload.len;
}
