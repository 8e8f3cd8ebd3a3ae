"""The Data Channel Establishment Protocol: two messages, on the stream that they are about (RFC 8832)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..errors import UsageError

__all__ = ["ACK", "DEFAULT_PRIORITY", "ChannelParameters", "build_open", "is_ack", "parse_open"]

_OPEN = struct.Struct("!BBHLHH")
_OPEN_TYPE = 3
_ACK_TYPE = 2
ACK = bytes([_ACK_TYPE])

_UNORDERED = 0x80
_RELIABLE, _REXMIT, _TIMED = 0, 1, 2
_MAX_TEXT = 0xFFFF
_MAX_RELIABILITY = 0xFFFF_FFFF
DEFAULT_PRIORITY = 256  # "normal" (RFC 8831 section 6.4)


@dataclass(frozen=True, slots=True)
class ChannelParameters:
    """What a data channel is like (RFC 8832 section 5.1).

    Attributes:
        label: for people and programs; need not be unique.
        protocol: a subprotocol's name, or empty.
        is_ordered: whether messages arrive in the order in which they were sent.
        max_retransmits: a message is given up after this many repetitions; None is never.
        max_lifetime_ms: a message is given up when it has not arrived by then; None is never.
        priority: 128 is low, 256 normal, 512 high; carried, not acted upon.

    Raises:
        UsageError: both limits, a limit or priority out of range, or a label or protocol of more than 65,535 octets.
    """

    label: str
    protocol: str = ""
    is_ordered: bool = True
    max_retransmits: int | None = None
    max_lifetime_ms: int | None = None
    priority: int = DEFAULT_PRIORITY

    def __post_init__(self) -> None:
        if self.max_retransmits is not None and self.max_lifetime_ms is not None:
            raise UsageError("a channel has max_retransmits or max_lifetime_ms, not both")
        if not 0 <= (self.max_retransmits or self.max_lifetime_ms or 0) <= _MAX_RELIABILITY:
            raise UsageError("max_retransmits and max_lifetime_ms take 32 bits")
        if not 0 <= self.priority <= 0xFFFF:
            raise UsageError("a priority takes 16 bits")
        try:
            longest = max(len(self.label.encode()), len(self.protocol.encode()))
        except UnicodeEncodeError:
            raise UsageError("label and protocol have to be encodable as UTF-8") from None
        if longest > _MAX_TEXT:
            raise UsageError(f"label and protocol take at most {_MAX_TEXT} octets")


def build_open(parameters: ChannelParameters) -> bytes:
    """Return a DATA_CHANNEL_OPEN message."""
    kind, reliability = _RELIABLE, 0
    if parameters.max_retransmits is not None:
        kind, reliability = _REXMIT, parameters.max_retransmits
    elif parameters.max_lifetime_ms is not None:
        kind, reliability = _TIMED, parameters.max_lifetime_ms
    label, protocol = parameters.label.encode(), parameters.protocol.encode()
    kind |= 0 if parameters.is_ordered else _UNORDERED
    return _OPEN.pack(_OPEN_TYPE, kind, parameters.priority, reliability, len(label), len(protocol)) + label + protocol


def parse_open(message: bytes) -> ChannelParameters | None:
    """Return the parameters of a DATA_CHANNEL_OPEN message, None for anything else or where a length cannot be."""
    if len(message) < _OPEN.size or message[0] != _OPEN_TYPE:
        return None
    _, kind, priority, reliability, label_size, protocol_size = _OPEN.unpack_from(message)
    label_end = _OPEN.size + label_size
    if len(message) != label_end + protocol_size or kind & ~_UNORDERED > _TIMED:
        return None
    try:
        label = message[_OPEN.size : label_end].decode()
        protocol = message[label_end:].decode()
    except UnicodeDecodeError:
        return None
    return ChannelParameters(
        label,
        protocol,
        is_ordered=not kind & _UNORDERED,
        max_retransmits=reliability if kind & ~_UNORDERED == _REXMIT else None,
        max_lifetime_ms=reliability if kind & ~_UNORDERED == _TIMED else None,
        priority=priority,
    )


def is_ack(message: bytes) -> bool:
    """Whether ``message`` is a DATA_CHANNEL_ACK; what may follow its first octet is ignored."""
    return message[:1] == ACK
