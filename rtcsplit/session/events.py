"""What the objects of a session report: frozen values in the past tense, never references to their sender."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..drops import DropReason
from ..errors import DtlsError
from ..wire.address import Address, Path
from .dcep import ChannelParameters
from .keying import SrtpKeys
from .sctp_events import AssociationCause

__all__ = [
    "AddressAuthenticated",
    "ChannelClosed",
    "ChannelDrained",
    "ChannelEvent",
    "ChannelOpened",
    "ConsentExpired",
    "DataChannelsEnded",
    "DataReceived",
    "DtlsClosed",
    "DtlsEvent",
    "DtlsFailed",
    "EndCause",
    "HandshakeCompleted",
    "HeldPacketDropped",
    "IceEvent",
    "IceRestarted",
    "MessageReceived",
    "PathCause",
    "PathChanged",
    "RtcpReceived",
    "RtpReceived",
    "SessionConnected",
    "SessionEnded",
    "SessionEvent",
    "UfragRetired",
]


class PathCause(Enum):
    """Why a session sends to another client address than before."""

    PROVISIONAL = "provisional"  # the first authenticated checks, before any nomination
    NOMINATED = "nominated"  # a check with USE-CANDIDATE
    REBOUND = "rebound"  # the selected address went silent, and a fresh check came from this one


class EndCause(Enum):
    """Why a session ended; the label of ``rtcsplit_sessions_ended_total``."""

    CLOSED = "closed"  # the application or signalling closed it
    PEER_CLOSED = "peer_closed"  # authenticated close_notify
    CONSENT_EXPIRED = "consent_expired"  # no authenticated check for 30 s (RFC 7675)
    CHECK_TIMEOUT = "check_timeout"  # never saw an authenticated check
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    HANDSHAKE_FAILED = "handshake_failed"
    KEYS_EXHAUSTED = "keys_exhausted"  # RFC 3711 section 9.2
    APPLICATION_FAILED = "application_failed"  # a callback of the application raised
    INTERNAL_ERROR = "internal_error"  # a fault of ours


@dataclass(frozen=True, slots=True)
class PathChanged:
    """ICE sends to ``path`` from now on."""

    path: Path
    cause: PathCause


@dataclass(frozen=True, slots=True)
class IceRestarted:
    """The path is that of the restarted ICE session, whose server ufrag is ``ufrag``."""

    ufrag: str


@dataclass(frozen=True, slots=True)
class UfragRetired:
    """Checks with this server ufrag are refused from now on."""

    ufrag: str


@dataclass(frozen=True, slots=True)
class ConsentExpired:
    """Nothing authentic came for too long; nothing may be sent any more (RFC 7675 section 5.1).

    ``was_connected`` is False where no authenticated check came at all.
    """

    was_connected: bool


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """The peer's certificate matched and keys exist."""

    keys: SrtpKeys


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Application data of one DTLS record, authenticated; for data channels it is an SCTP packet (RFC 8261)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class DtlsFailed:
    """The association cannot be used; ``error.code`` says why."""

    error: DtlsError


@dataclass(frozen=True, slots=True)
class DtlsClosed:
    """The peer sent an authenticated close_notify."""


@dataclass(frozen=True, slots=True)
class AddressAuthenticated:
    """The first authenticated check came from ``client``: datagrams from there belong to this session.

    Attributes:
        client: whence it came.
        replaces: an address whose datagrams belong to it no longer, since it has as many as it may; None for none.
    """

    client: Address
    replaces: Address | None = None


@dataclass(frozen=True, slots=True)
class SessionConnected:
    """ICE, DTLS and SRTP stand: media may flow both ways."""

    path: Path


@dataclass(frozen=True, slots=True)
class RtpReceived:
    """An authenticated RTP packet, in plain text and not yet parsed beyond what SRTP needs."""

    packet: bytes
    arrived_at: float


@dataclass(frozen=True, slots=True)
class RtcpReceived:
    """An authenticated compound RTCP packet in plain text."""

    packet: bytes
    arrived_at: float


@dataclass(frozen=True, slots=True)
class HeldPacketDropped:
    """A packet that was held, for the keys or to be sent, turned out to be good for nothing; count ``reason``."""

    reason: DropReason


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """A data channel is open at both ends; ``is_remote`` where the peer opened it."""

    channel_id: int
    parameters: ChannelParameters
    is_remote: bool


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message: text as ``str``, anything else as ``bytes``."""

    channel_id: int
    data: bytes | str


@dataclass(frozen=True, slots=True)
class ChannelDrained:
    """What waits to be sent on a channel fell to 64 KiB: time to send more."""

    channel_id: int


@dataclass(frozen=True, slots=True)
class ChannelClosed:
    """A data channel is closed at both ends, or its association ended; the id may come again."""

    channel_id: int


@dataclass(frozen=True, slots=True)
class DataChannelsEnded:
    """There are no data channels any more in this session; the rest of it goes on."""

    cause: AssociationCause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The last event of a session: it sends nothing and takes nothing after it.

    ``code`` is that of the :class:`~rtcsplit.errors.DtlsError` that ended it; ``detail`` says the same to people.
    """

    cause: EndCause
    detail: str = ""
    code: str = ""


IceEvent = PathChanged | IceRestarted | UfragRetired | ConsentExpired
DtlsEvent = HandshakeCompleted | DataReceived | DtlsFailed | DtlsClosed | HeldPacketDropped
ChannelEvent = ChannelOpened | MessageReceived | ChannelDrained | ChannelClosed | DataChannelsEnded
SessionEvent = (
    AddressAuthenticated
    | PathChanged
    | IceRestarted
    | UfragRetired
    | SessionConnected
    | RtpReceived
    | RtcpReceived
    | HeldPacketDropped
    | ChannelEvent
    | SessionEnded
)
