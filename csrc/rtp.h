/* RTP and RTCP headers (RFC 3550 sections 5.1, 5.3.1, 6.1, 6.4, appendices A.1 and A.2).
 *
 * rs_rtp_parse looks at what SRTP leaves in the clear, so it serves before and after decryption; padding and payload
 * can be judged on the plain packet only, by rs_rtp_payload. */
#ifndef RS_RTP_H
#define RS_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drop.h"
#include "wire.h"

#define RS_RTP_HEADER_SIZE 12
#define RS_RTCP_HEADER_SIZE 4
/* Our bound on the members of one compound packet; real ones have 2 to 5. */
#define RS_RTCP_MAX_MEMBERS 64

struct rs_rtp_header {
    uint32_t timestamp;
    uint32_t ssrc;
    uint32_t header_length;    /* octets before the payload: fixed header, CSRCs, extension */
    uint32_t extension_length; /* octets of extension data, 0..262140; it ends the header */
    uint16_t sequence_number;
    uint16_t extension_profile; /* 0xBEDE and 0x100x are RFC 8285's; 0 without an extension */
    uint8_t payload_type;       /* 0..127 */
    uint8_t csrc_count;         /* 0..15; the CSRCs start at octet 12 */
    uint8_t has_marker;         /* each 0 or 1 */
    uint8_t has_padding;
    uint8_t has_extension;
};

struct rs_rtp_packet {
    struct rs_rtp_header header;
    uint32_t payload_length; /* without padding */
};

/* One packet of an RTCP datagram. */
struct rs_rtcp_member {
    uint32_t offset;     /* of its first octet */
    uint32_t length;     /* octets, header included, padding excluded */
    uint8_t packet_type; /* 200 SR, 201 RR, 202 SDES, 203 BYE, ...: any value */
    uint8_t count;       /* the 5 bits beside the version: reception reports, sources, or a feedback format */
};

/* The header of an RTP packet; `out` is written only on RS_DROP_NONE.
 * RS_DROP_TOO_SHORT: under 12 octets. RS_DROP_RTP_MALFORMED: not version 2, or the CSRCs or the extension leave the
 * packet. */
enum rs_drop rs_rtp_parse(const uint8_t *data, size_t len, struct rs_rtp_header *out);

/* The payload of a plain packet whose header was parsed from the same octets, without padding; it may be empty.
 * `payload` borrows from `data` and is written only on RS_DROP_NONE.
 * RS_DROP_RTP_MALFORMED: the padding count is 0 or longer than what follows the header. */
enum rs_drop rs_rtp_payload(const uint8_t *data, size_t len, const struct rs_rtp_header *header,
                            struct rs_span *payload);

/* Both of the above for a plain packet; the payload starts at header_length. `out` is written only on RS_DROP_NONE. */
enum rs_drop rs_rtp_parse_packet(const uint8_t *data, size_t len, struct rs_rtp_packet *out);

/* The packets of a plain RTCP datagram, compound or reduced-size (RFC 5506): `members` has RS_RTCP_MAX_MEMBERS places.
 * What is in them is for the reader of each type. Both outputs are written only on RS_DROP_NONE.
 * RS_DROP_TOO_SHORT: under 4 octets. RS_DROP_RTCP_MALFORMED: one is not version 2, leaves the datagram or has padding
 * that it cannot have (anywhere but in the last one, section 6.4.1; count 0, or beyond its own header; 1 to 3 are
 * taken, by which libwebrtc pads transport-wide feedback); octets are left over; or there are too many members. */
enum rs_drop rs_rtcp_walk(const uint8_t *data, size_t len, struct rs_rtcp_member *members, unsigned *count);

#endif
