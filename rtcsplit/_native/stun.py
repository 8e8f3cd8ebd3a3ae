"""``csrc/stun.h``: the bounded walk over a STUN message."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..drops import DropReason
from ._rtcsplit import ffi, lib
from .reasons import drop_reason

__all__ = ["MAX_ATTRIBUTES", "UFRAG_SIZE", "USERNAME_MAX", "Spans", "parse", "server_ufrag"]

MAX_ATTRIBUTES: int = lib.RS_STUN_MAX_ATTRIBUTES
USERNAME_MAX: int = lib.RS_STUN_USERNAME_MAX
UFRAG_SIZE: int = lib.RS_STUN_UFRAG_SIZE

_MESSAGE = ffi.typeof("struct rs_stun_message *")
_SPAN = ffi.typeof("struct rs_span *")
_ATTRIBUTES_AT = ffi.offsetof("struct rs_stun_message", "attributes")
_ATTRIBUTE_SIZE = ffi.sizeof("struct rs_stun_attribute")
_iter_attributes = struct.Struct("=HHI").iter_unpack


class Spans(NamedTuple):
    """Where things are in a message.

    Attributes:
        type: class and method, as on the wire.
        attributes: (type, length of the value, offset of the value) of each attribute that counts, in order.
    """

    type: int
    attributes: tuple[tuple[int, int, int], ...]


def parse(datagram: bytes) -> Spans | DropReason:
    """Return the spans of a message, or why it is none."""
    message = ffi.new(_MESSAGE)
    drop = lib.rs_stun_parse(datagram, len(datagram), message)
    if drop:
        return drop_reason(drop)
    view = ffi.buffer(message, _ATTRIBUTES_AT + message.count * _ATTRIBUTE_SIZE)[_ATTRIBUTES_AT:]
    return Spans(message.type, tuple(_iter_attributes(view)))


def server_ufrag(datagram: bytes) -> bytes | DropReason:
    """Return the 24 octets of the server ufrag that a binding request names, or why there are none."""
    octets = ffi.from_buffer("uint8_t[]", datagram)
    span = ffi.new(_SPAN)
    drop = lib.rs_stun_server_ufrag(octets, len(datagram), span)
    if drop:
        return drop_reason(drop)
    start = int(span.data - ffi.cast("const uint8_t *", octets))
    return datagram[start : start + span.len]
