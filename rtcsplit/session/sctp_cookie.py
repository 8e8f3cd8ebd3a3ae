"""The state cookie: all that an INIT would have made us remember, given to the peer (RFC 9260 section 5.1.3)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

from .sctp_chunks import MIN_WINDOW, Init, InitParameter
from .sctp_packet import ChunkType

__all__ = ["COOKIE_LIFETIME", "Cookie", "CookieJar", "PeerInit"]

COOKIE_LIFETIME = 60.0  # seconds (RFC 9260 section 16)
_FIELDS = struct.Struct("!dLLHHLB")
_TAG_SIZE = 32
_HAS_FORWARD_TSN, _HAS_RE_CONFIG = 1, 2


@dataclass(frozen=True, slots=True)
class PeerInit:
    """What the peer said of itself in INIT or INIT ACK.

    Attributes:
        tag: its verification tag.
        window: octets that it takes at first.
        outbound_streams: that it wants to send on.
        inbound_streams: that it takes.
        initial_tsn: its first TSN.
        has_forward_tsn: it knows FORWARD TSN (RFC 3758).
        has_re_config: it knows stream resets (RFC 6525).
    """

    tag: int
    window: int
    outbound_streams: int
    inbound_streams: int
    initial_tsn: int
    has_forward_tsn: bool
    has_re_config: bool

    @classmethod
    def of(cls, init: Init) -> PeerInit:
        """Return what matters of an INIT or INIT ACK."""
        extensions = init.parameter(InitParameter.SUPPORTED_EXTENSIONS) or b""
        return cls(
            init.tag,
            init.window,
            init.outbound_streams,
            init.inbound_streams,
            init.initial_tsn,
            has_forward_tsn=init.parameter(InitParameter.FORWARD_TSN_SUPPORTED) is not None
            or ChunkType.FORWARD_TSN in extensions,
            has_re_config=ChunkType.RE_CONFIG in extensions,
        )

    @property
    def is_possible(self) -> bool:
        """Whether RFC 9260 section 3.3.2 allows these values."""
        return bool(self.tag and self.outbound_streams and self.inbound_streams and self.window >= MIN_WINDOW)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of ours that came back.

    Attributes:
        peer: what was sealed in it.
        staleness_us: microseconds beyond its life, 0 while it lives (RFC 9260 section 3.3.10.3).
    """

    peer: PeerInit
    staleness_us: int

    @property
    def is_stale(self) -> bool:
        """Whether it came back too late."""
        return self.staleness_us > 0


class CookieJar:
    """Seals and opens the cookies of one association.

    Args:
        key: secret, 32 octets; another association has another one, so that its cookies are worth nothing here.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, peer: PeerInit, now: float) -> bytes:
        """Return the cookie: plain fields and their authentication tag. The peer wrote them, so nothing is secret."""
        fields = _FIELDS.pack(
            now,
            peer.tag,
            peer.window,
            peer.outbound_streams,
            peer.inbound_streams,
            peer.initial_tsn,
            _HAS_FORWARD_TSN * peer.has_forward_tsn | _HAS_RE_CONFIG * peer.has_re_config,
        )
        return fields + self._tag(fields)

    def open(self, octets: bytes, now: float) -> Cookie | None:
        """Return the cookie, None for one that is not of this jar.

        The values are checked once more: the tag proves that they are ours, not that they are right.
        """
        fields, seal = octets[: _FIELDS.size], octets[_FIELDS.size :]
        if len(octets) != _FIELDS.size + _TAG_SIZE or not hmac.compare_digest(seal, self._tag(fields)):
            return None
        made_at, tag, window, outbound, inbound, initial_tsn, flags = _FIELDS.unpack(fields)
        has_forward_tsn, has_re_config = bool(flags & _HAS_FORWARD_TSN), bool(flags & _HAS_RE_CONFIG)
        peer = PeerInit(tag, window, outbound, inbound, initial_tsn, has_forward_tsn, has_re_config)
        if not peer.is_possible:
            return None
        beyond = int(max(0.0, now - made_at - COOKIE_LIFETIME) * 1_000_000)
        return Cookie(peer, min(beyond, 0xFFFF_FFFF))

    def _tag(self, fields: bytes) -> bytes:
        return hmac.digest(self._key, fields, hashlib.sha256)
