"""Why a datagram went nowhere: one closed list, shared with the C packet path (``csrc/drop.h``).

A bad datagram is never an exception. Whoever refuses one returns a member of :class:`DropReason`, and the caller
counts it, once. The member's label is the metric's label, the test's expectation, and the row of
``docs/reference/drop-reasons.md``.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["DropReason"]


class DropReason(IntEnum):
    """One reason per dropped datagram. Values equal ``enum rs_drop``; 0 means that nothing was dropped."""

    # any datagram
    TOO_SHORT = 1  # shorter than the smallest datagram of its class
    FIRST_OCTET = 2  # first octet of no class we carry (RFC 7983 section 7)
    OVERSIZE = 3  # longer than the path or our buffers carry
    SOURCE_NOT_LISTED = 4  # internal datagram from an address that nobody configured
    SPP_MALFORMED = 5  # no Simple Proxy Protocol header, or one with impossible fields
    SPP_NESTED = 6  # a proxied datagram that carries a second header
    CLIENT_DENIED = 7  # the named client address is one we never send to
    PROXY_FOREIGN = 8  # the named proxy address is not ours
    SEND_FAILED = 9  # the kernel, or libsrtp before it, refused to send it
    # the relay's routing
    USERNAME_INVALID = 10  # binding request without a usable USERNAME
    HINT_INVALID = 11  # the server ufrag does not open with any key
    NO_ROUTE = 12  # the hint opens, and the directory does not route it
    NO_FLOW = 13  # neither a binding request nor part of a flow
    UFRAG_RATE = 14  # too many binding requests for one ufrag beyond its flows
    FLOW_CONFLICT = 15  # the client address belongs to a living flow of another transceiver
    FLOW_TABLE_FULL = 16  # no room for a flow that had to be made
    RELEARN_RATE = 17  # too many flows to re-learn at once
    STUN_UNSOLICITED = 18  # STUN towards a client that asked nothing
    # STUN
    STUN_MALFORMED = 19  # header, length or attributes wrong (RFC 8489 sections 5, 14)
    STUN_METHOD = 20  # a method other than Binding
    STUN_FINGERPRINT = 21  # FINGERPRINT wrong or not last
    STUN_INDICATION = 22  # an indication: never answered
    STUN_RESPONSE = 23  # a response to a request that we did not send
    STUN_BAD_REQUEST = 24  # refused with 400, or silently beyond the rate limit
    STUN_UNAUTHORIZED = 25  # refused with 401, or silently beyond the rate limit
    STUN_UNKNOWN_ATTRIBUTE = 26  # refused with 420
    STUN_ROLE_CONFLICT = 27  # refused with 487
    # a session's datagrams
    NO_SESSION = 28  # from an address that belongs to no session
    PATH_UNAUTHENTICATED = 29  # DTLS or SRTP from an address without an authenticated check
    SESSION_CLOSED = 30  # came after the end
    DTLS_MALFORMED = 31  # record or handshake header impossible
    DTLS_BUDGET = 32  # would exceed the association's memory
    DTLS_REFUSED = 33  # not for this state of the association
    SRTP_NO_KEYS = 34  # before the handshake ended, beyond what is held
    SRTP_MALFORMED = 35  # shorter than its own headers and tag say
    SRTP_AUTH_FAILED = 36  # the authentication tag is wrong
    SRTP_REPLAYED = 37  # seen before, or too old to know
    SRTCP_UNENCRYPTED = 38  # SRTCP with the E flag clear
    RTP_MALFORMED = 39  # RTP header, extension or padding wrong (RFC 3550 appendix A.1)
    RTP_PAYLOAD_TYPE = 40  # payload type that was not negotiated
    RTP_PROBATION = 41  # far from the rest of its source, or the first one after its BYE
    RTP_SOURCE_LIMIT = 42  # one SSRC more than a session may have
    RTCP_MALFORMED = 43  # RTCP that does not parse
    # data channels, inside of DTLS
    SCTP_MALFORMED = 44  # header, chunk or parameter impossible (RFC 9260 section 3)
    SCTP_CHECKSUM = 45  # the CRC-32c is wrong
    SCTP_TAG = 46  # verification tag or ports of another association (RFC 9260 section 8.5)
    SCTP_COOKIE = 47  # a state cookie that is forged, too old or of another association
    SCTP_UNEXPECTED = 48  # not for this state of the association, or no data channels were negotiated
    SCTP_LIMIT = 49  # would exceed the receive window or the longest message
    # a relay's crashes
    CRASH_IN_FLIGHT = 50  # received by a process that died before it had counted what became of it
    CRASH_DISCARDED = 51  # waited in a socket whose readers died three times within ten seconds
    # a session's reports and feedback
    RTCP_RATE = 52  # more RTCP than a session may have
    # between relays and transceivers
    TRUNK_MALFORMED = 53  # several datagrams in one whose header or lengths are wrong

    @property
    def label(self) -> str:
        """Lower-case name: the ``reason`` label of ``rtcsplit_dropped_total``."""
        return self.name.lower()
