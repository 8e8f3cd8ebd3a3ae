/* What a datagram is, by its first octets: one UDP port carries STUN, DTLS, RTP and RTCP (RFC 7983 section 7,
 * RFC 9443 section 3, RFC 5761 section 4). */
#ifndef RS_CLASSIFY_H
#define RS_CLASSIFY_H

#include <stddef.h>
#include <stdint.h>

#include "drop.h"

/* The smallest datagram of each kind: STUN header, DTLS record header, RTP fixed header, RTCP header with SSRC. */
#define RS_STUN_MIN 20
#define RS_DTLS_MIN 13
#define RS_RTP_MIN 12
#define RS_RTCP_MIN 8

enum rs_kind {
    RS_KIND_STUN, /* first octet 0..3; magic cookie and length field hold too (RFC 8489 section 5) */
    RS_KIND_DTLS, /* first octet 20..63 */
    RS_KIND_RTP,  /* first octet 128..191, second not RTCP's */
    RS_KIND_RTCP, /* first octet 128..191, second 192..223 */
};

/* The kind of a datagram; `out` is written only on RS_DROP_NONE.
 * RS_DROP_TOO_SHORT: empty, or shorter than the smallest of its kind. RS_DROP_FIRST_OCTET: of no kind we carry.
 * RS_DROP_STUN_MALFORMED: in the STUN range with a wrong cookie or length field. */
enum rs_drop rs_classify(const uint8_t *data, size_t len, enum rs_kind *out);

/* The same as one number, for callers to whom memory for `out` costs more than the answer: enum rs_kind, or
 * enum rs_drop negated. */
static inline int rs_classify_code(const uint8_t *data, size_t len)
{
    enum rs_kind kind;
    enum rs_drop drop = rs_classify(data, len, &kind);
    return drop == RS_DROP_NONE ? (int)kind : -(int)drop;
}

#endif
