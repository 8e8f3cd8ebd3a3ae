"""What a datagram is, by its first octets: STUN, DTLS, RTP and RTCP share one UDP port.

RFC 7983 section 7 and RFC 9443 section 3 (first octet), RFC 5761 section 4 (RTP or RTCP). ZRTP, TURN channels and QUIC
are not carried: their ranges are dropped like all others.
"""

from __future__ import annotations

from enum import Enum

from .._native import classify as _native
from ..drops import DropReason

__all__ = ["Kind", "classify"]


class Kind(Enum):
    """The kinds of datagrams on the one port.

    No integers, so that no member equals a :class:`DropReason`.
    """

    STUN = _native.KIND_STUN
    DTLS = _native.KIND_DTLS
    RTP = _native.KIND_RTP
    RTCP = _native.KIND_RTCP


_ANSWERS: dict[int, Kind | DropReason] = {
    **{int(kind.value): kind for kind in Kind},
    **{-reason: reason for reason in DropReason},
}


def classify(datagram: bytes) -> Kind | DropReason:
    """Return the datagram's kind, or why it has none.

    In the STUN range the magic cookie and the length field must hold as well (RFC 8489 section 5).

    Returns:
        A :class:`Kind`, or ``TOO_SHORT`` (empty, or shorter than the smallest datagram of its kind), ``FIRST_OCTET``,
        or ``STUN_MALFORMED``.
    """
    return _ANSWERS[_native.classify(datagram)]
