/* What a payload says of itself: how much time it stands for, and whether its redundancy is well-formed. */
#ifndef RS_PAYLOAD_H
#define RS_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rs_payload_format {
    RS_PAYLOAD_SAMPLES, /* one octet per sample and channel: PCMU, PCMA (RFC 3551 section 4.5.14) */
    RS_PAYLOAD_OPUS,
    RS_PAYLOAD_RED, /* redundant audio data that carries Opus (RFC 2198) */
};

/* Units of the RTP clock that a payload lasts, at most RS_PAYLOAD_MAX_OPUS for Opus, whose first octets say it (RFC
 * 6716 section 3.1); of RED the packet's own frame counts. 0: it is empty or no payload of that format. */
#define RS_PAYLOAD_MAX_OPUS 5760 /* 120 ms (RFC 6716 section 3.2.5) */
uint32_t rs_payload_duration(enum rs_payload_format format, uint8_t channels, const uint8_t *payload, size_t len);

/* Whether the blocks of a payload of RED stay within it; at most RS_PAYLOAD_MAX_BLOCKS are read. The packet's own frame
 * is `primary` then. */
#define RS_PAYLOAD_MAX_BLOCKS 32 /* as many as libwebrtc reads */
bool rs_payload_red_primary(const uint8_t *payload, size_t len, const uint8_t **primary, size_t *primary_len);

#endif
