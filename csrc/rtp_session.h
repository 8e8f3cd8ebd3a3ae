/* The RTP of one call, as far as a batch can take it without asking: packets of known sources from the path that ICE
 * has settled on are counted here, and sent back where the call echoes.
 *
 * Whatever is not plain is Python's to decide, packet by packet: another path, an unknown source or payload type, a gap
 * where lost packets are asked for, a peer that has stopped reporting. Python renews what it says here after everything
 * that may change it, before the next batch; what happened here it reads when it needs it. One thread at a time. */
#ifndef RS_RTP_SESSION_H
#define RS_RTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrivals.h"
#include "fact.h"
#include "payload.h"
#include "rtp.h"
#include "rtp_source.h"
#include "rtp_stream.h"
#include "sent_packets.h"

#define RS_RTP_CODECS 8                                     /* payload types that are known here */
#define RS_RTP_SOURCES 4                                    /* sources that are known here; Python knows more */
#define RS_RTP_MAX_PAYLOAD (1200 - RS_RTP_HEADER_SIZE - 16) /* less the longest tag of SRTP */

struct rs_rtp_codec {
    uint8_t payload_type;
    uint8_t format; /* enum rs_payload_format */
    uint8_t channels;
    uint8_t is_inbound; /* may be received */
    uint32_t clock_rate;
};

enum rs_rtp_verdict {
    RS_RTP_ASK,         /* nothing has changed: Python takes the packet */
    RS_RTP_TAKEN,       /* counted */
    RS_RTP_ON_PROBATION /* not counted: RS_DROP_RTP_PROBATION */
};

struct rs_rtp_session {
    /* What every packet reads or writes comes first. What Python says: */
    struct rs_path path; /* media comes and goes here */
    uint8_t is_open;     /* media of `path` may be taken */
    uint8_t echoes;      /* each packet goes back to where it came from */
    uint8_t delivers;    /* Python wants the packets */
    uint8_t codec_count;
    uint8_t source_count;
    uint8_t transport_id;   /* of the header extension with transport-wide numbers; 0: none */
    uint8_t audio_level_id; /* likewise, with the client-to-mixer audio level (RFC 6464) */
    uint8_t allows_two_byte;
    uint8_t watches_gaps;     /* only packets in sequence are taken, of one source */
    uint8_t reports_arrivals; /* transport-wide feedback leaves when it is due, without asking */
    /* What happened: */
    uint8_t has_echoed;
    uint8_t has_news; /* Python wants to look at the call */
    uint16_t watched_number;
    uint32_t watched_ssrc;
    uint32_t echo_timestamp; /* would follow the latest packet without a gap */
    double heard_at;         /* the latest packet that was taken */
    double sent_at;          /* the latest echo */
    uint64_t asked_in;       /* the batch in which Python has something to decide first */
    struct rs_rtp_stream stream;
    /* What Python says: */
    double send_from, send_until;                  /* when an echo may be sent (RFC 8083) */
    struct rs_arrivals *arrivals;                  /* the caller's, NULL without `transport_id` */
    struct rs_sent_packets *sent;                  /* likewise, NULL where nobody asks for packets again */
    struct rs_rtp_source *sources[RS_RTP_SOURCES]; /* the caller's */
    struct rs_rtp_codec codecs[RS_RTP_CODECS];
};

/* Counts a plain packet that came from the session's path, if it may be counted without asking. On RS_RTP_TAKEN a
 * header extension that was not negotiated is gone from `header`. */
enum rs_rtp_verdict rs_rtp_session_receive(struct rs_rtp_session *session, struct rs_rtp_header *header,
                                           struct rs_span payload, double now);

/* The octet of the packet's audio level, or RS_NO_AUDIO_LEVEL: it has none that was negotiated and is one octet. */
uint16_t rs_rtp_session_audio_level(const struct rs_rtp_session *session, const struct rs_rtp_header *header,
                                    struct rs_span payload);

/* Writes the RTCP packet that says when packets came, if that is due and may leave without asking, and returns its
 * length. 0: there is none. */
size_t rs_rtp_session_feedback(struct rs_rtp_session *session, double now,
                               uint8_t packet[RS_ARRIVALS_HEADER + RS_ARRIVALS_MESSAGE]);

/* Writes the packet that sends a payload back, at most RS_RTP_HEADER_SIZE + RS_RTP_MAX_PAYLOAD octets, and returns its
 * length. Timestamps keep the distances of what came; one that comes late follows what overtook it. 0: there is
 * nothing to send back, for the payload stands for no time or is too long. */
size_t rs_rtp_session_echo(struct rs_rtp_session *session, uint8_t payload_type, bool has_marker, uint32_t timestamp,
                           struct rs_span payload, double now, uint8_t *packet);

#endif
