"""What one offer and its answer settled: the values that SDP yields and the session is made of.

Nothing here parses or builds; ``session/sdp`` fills these in, and a user with another signalling protocol may fill
them in by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .certificate import Fingerprint
from .sctp_chunks import Init

__all__ = [
    "AudioCodec",
    "AudioNegotiation",
    "DataNegotiation",
    "Direction",
    "DtlsRole",
    "IceCredentials",
    "Negotiation",
]


class DtlsRole(Enum):
    """Who sends the ClientHello (RFC 5763 section 5). The value is the ``a=setup:`` of our answer."""

    CLIENT = "active"
    SERVER = "passive"


class Direction(Enum):
    """Direction of media as seen from us (RFC 3264 section 6.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def may_send(self) -> bool:
        """Whether we may send (RFC 3264 section 5.1)."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def may_receive(self) -> bool:
        """Whether the peer may send to us."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """Username fragment and password of one side (RFC 8839 section 5.4)."""

    ufrag: str
    pwd: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AudioCodec:
    """One negotiated audio format.

    Attributes:
        name: encoding name in lower case: ``opus``, ``pcmu``, ``pcma``; ``red`` for :attr:`AudioNegotiation.red`.
        payload_type: the offer's number, used in both directions.
        clock_rate: RTP clock in Hz; 48,000 for Opus (RFC 7587), 8,000 for PCMU and PCMA (RFC 3551).
        channels: as in ``a=rtpmap``; 2 for Opus always.
        parameters: the peer's ``a=fmtp`` parameters that we honour, names in lower case.
        feedback: RTCP feedback that both sides agreed on, as in ``a=rtcp-fb`` (RFC 4585 section 4.2).
    """

    name: str
    payload_type: int
    clock_rate: int
    channels: int
    parameters: Mapping[str, str] = field(default_factory=dict)
    feedback: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AudioNegotiation:
    """The audio section as answered.

    Attributes:
        mid: its ``a=mid`` (RFC 5888); empty where an offer without groups has none.
        direction: ours.
        codecs: in our order of preference, never empty; the first one is sent.
        extensions: header extension URI to local id, 1..14 (RFC 8285).
        has_reduced_size_rtcp: both sides agreed on ``a=rtcp-rsize`` (RFC 5506).
        red: Opus frames with copies of older ones (RFC 2198), which the answer asks for first; None where it was not
            offered. Either side may send it; ``codecs`` does not list it, as it is no codec.
        allows_mixed_extensions: both sides agreed on ``a=extmap-allow-mixed``, so that packets may have header
            extensions of the two-byte form (RFC 8285 section 4.1.2).
    """

    mid: str
    direction: Direction
    codecs: tuple[AudioCodec, ...]
    extensions: Mapping[str, int] = field(default_factory=dict)
    has_reduced_size_rtcp: bool = False
    red: AudioCodec | None = None
    allows_mixed_extensions: bool = False

    @property
    def formats(self) -> tuple[AudioCodec, ...]:
        """Every payload format of the answer, as it lists them."""
        return self.codecs if self.red is None else (self.red, *self.codecs)


@dataclass(frozen=True, slots=True)
class DataNegotiation:
    """The data channel section as answered (RFC 8841).

    Attributes:
        mid: its ``a=mid``; empty where an offer without groups has none.
        remote_port: the peer's ``a=sctp-port``.
        local_port: ours.
        max_message_size: octets of the longest message that the peer takes, 0 for any.
        inits: ours and the peer's where offer and answer carry them (SNAP), else None.
    """

    mid: str
    remote_port: int = 5000
    local_port: int = 5000
    max_message_size: int = 65_536
    inits: tuple[Init, Init] | None = None


@dataclass(frozen=True, slots=True)
class Negotiation:
    """Everything about the peer that the session needs.

    Attributes:
        remote_ice: the peer's credentials; None while they are not known.
        remote_fingerprints: any one of these must match the peer's certificate (RFC 8122 section 5).
        dtls_role: ours.
        audio: None where the offer had no audio that we answered.
        remote_ice_options: tags of the peer's ``a=ice-options`` (RFC 8839 section 5.6).
        data: None where no data channels were offered, or none are wanted.
    """

    remote_ice: IceCredentials | None
    remote_fingerprints: tuple[Fingerprint, ...]
    dtls_role: DtlsRole
    audio: AudioNegotiation | None = None
    remote_ice_options: frozenset[str] = frozenset()
    data: DataNegotiation | None = None
