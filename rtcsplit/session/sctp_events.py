"""What an SCTP association reports to the data channels above it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = [
    "AssociationCause",
    "AssociationEnded",
    "AssociationEstablished",
    "InboundStreamsReset",
    "OutboundStreamReset",
    "SctpEvent",
    "SctpMessage",
    "StreamDrained",
]


class AssociationCause(Enum):
    """Why an association ended."""

    CLOSED = "closed"  # close() was called
    PEER_ABORTED = "peer_aborted"  # ABORT
    PEER_SHUT_DOWN = "peer_shut_down"  # SHUTDOWN
    TIMEOUT = "timeout"  # the peer does not acknowledge, or never answered
    VIOLATION = "violation"  # the peer broke a limit or the protocol; it got an ABORT


@dataclass(frozen=True, slots=True)
class AssociationEstablished:
    """Messages flow. Stream identifiers below ``outbound_streams`` may be sent on."""

    outbound_streams: int


@dataclass(frozen=True, slots=True)
class SctpMessage:
    """One whole message, 1 octet or more."""

    stream_id: int
    ppid: int
    data: bytes


@dataclass(frozen=True, slots=True)
class InboundStreamsReset:
    """The peer has reset its side of these streams, and all its messages on them were reported before."""

    stream_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutboundStreamReset:
    """Our side of a stream was reset, or the peer refused to (``is_done`` False): it has to stay unused then."""

    stream_id: int
    is_done: bool


@dataclass(frozen=True, slots=True)
class StreamDrained:
    """What waits to be sent on a stream fell to the low-water mark."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class AssociationEnded:
    """The last event."""

    cause: AssociationCause
    detail: str = ""


SctpEvent = (
    AssociationEstablished | SctpMessage | InboundStreamsReset | OutboundStreamReset | StreamDrained | AssociationEnded
)
