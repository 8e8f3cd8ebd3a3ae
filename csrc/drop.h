/* Why a datagram went nowhere: one closed list for C and Python (rtcsplit/drops.py; a test holds them equal).
 *
 * Every datagram that is received is either forwarded or handled, or counted under exactly one of these. The
 * order is the counter's index and therefore part of the shared-memory layout: append, never reorder. The
 * meaning of each is documented beside its Python member.
 */
#ifndef RS_DROP_H
#define RS_DROP_H

enum rs_drop {
    RS_DROP_NONE = 0,
    /* any datagram */
    RS_DROP_TOO_SHORT,
    RS_DROP_FIRST_OCTET,
    RS_DROP_OVERSIZE,
    RS_DROP_SOURCE_NOT_LISTED,
    RS_DROP_SPP_MALFORMED,
    RS_DROP_SPP_NESTED,
    RS_DROP_CLIENT_DENIED,
    RS_DROP_PROXY_FOREIGN,
    RS_DROP_SEND_FAILED,
    /* the relay's routing */
    RS_DROP_USERNAME_INVALID,
    RS_DROP_HINT_INVALID,
    RS_DROP_NO_ROUTE,
    RS_DROP_NO_FLOW,
    RS_DROP_UFRAG_RATE,
    RS_DROP_FLOW_CONFLICT,
    RS_DROP_FLOW_TABLE_FULL,
    RS_DROP_RELEARN_RATE,
    RS_DROP_STUN_UNSOLICITED,
    /* STUN */
    RS_DROP_STUN_MALFORMED,
    RS_DROP_STUN_METHOD,
    RS_DROP_STUN_FINGERPRINT,
    RS_DROP_STUN_INDICATION,
    RS_DROP_STUN_RESPONSE,
    RS_DROP_STUN_BAD_REQUEST,
    RS_DROP_STUN_UNAUTHORIZED,
    RS_DROP_STUN_UNKNOWN_ATTRIBUTE,
    RS_DROP_STUN_ROLE_CONFLICT,
    /* a session's datagrams */
    RS_DROP_NO_SESSION,
    RS_DROP_PATH_UNAUTHENTICATED,
    RS_DROP_SESSION_CLOSED,
    RS_DROP_DTLS_MALFORMED,
    RS_DROP_DTLS_BUDGET,
    RS_DROP_DTLS_REFUSED,
    RS_DROP_SRTP_NO_KEYS,
    RS_DROP_SRTP_MALFORMED,
    RS_DROP_SRTP_AUTH_FAILED,
    RS_DROP_SRTP_REPLAYED,
    RS_DROP_SRTCP_UNENCRYPTED,
    RS_DROP_RTP_MALFORMED,
    RS_DROP_RTP_PAYLOAD_TYPE,
    RS_DROP_RTP_PROBATION,
    RS_DROP_RTP_SOURCE_LIMIT,
    RS_DROP_RTCP_MALFORMED,
    /* data channels, inside of DTLS */
    RS_DROP_SCTP_MALFORMED,
    RS_DROP_SCTP_CHECKSUM,
    RS_DROP_SCTP_TAG,
    RS_DROP_SCTP_COOKIE,
    RS_DROP_SCTP_UNEXPECTED,
    RS_DROP_SCTP_LIMIT,
    /* a relay's crashes */
    RS_DROP_CRASH_IN_FLIGHT,
    RS_DROP_CRASH_DISCARDED,
    /* a session's reports and feedback */
    RS_DROP_RTCP_RATE,
    /* between relays and transceivers */
    RS_DROP_TRUNK_MALFORMED,
    RS_DROP_COUNT
};

#endif
