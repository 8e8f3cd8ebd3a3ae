"""STUN messages (RFC 8489), as ICE uses them (RFC 8445 section 7): parse, verify, build.

Left out: long-term credentials, MESSAGE-INTEGRITY-SHA256 (browsers do not send it, and ICE does not use it), and every
attribute of TURN. What an attribute that is not named here holds is left to the caller.
"""

from __future__ import annotations

import hmac
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from .._native import stun as _native
from ..drops import DropReason
from ..errors import UsageError

__all__ = [
    "BINDING",
    "HEADER_SIZE",
    "Attribute",
    "Message",
    "MessageClass",
    "build",
    "is_comprehension_required",
    "parse",
    "server_ufrag",
    "verify_fingerprint",
    "verify_integrity",
]

BINDING = 0x001  # the only method here (RFC 8489 section 18.2)
HEADER_SIZE = 20

_COOKIE = b"\x21\x12\xa4\x42"
_TRANSACTION_ID_SIZE = 12
_INTEGRITY_SIZE = 4 + 20
_FINGERPRINT_SIZE = 4 + 4
_FINGERPRINT_XOR = 0x5354554E  # RFC 8489 section 14.7


class MessageClass(IntEnum):
    """The two class bits of the type field (RFC 8489 section 5)."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS_RESPONSE = 2
    ERROR_RESPONSE = 3


class Attribute(IntEnum):
    """Attribute types (RFC 8489 section 18.3, RFC 8445 section 20.1)."""

    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A
    NOMINATION = 0xC001  # draft-thatcher-ice-renomination, as libwebrtc sends it


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was received and is well formed; nothing about it is verified yet.

    Attributes:
        message_class: request, indication or response.
        method: 12 bits; :data:`BINDING` is the only one of ICE.
        transaction_id: 12 octets.
        attributes: (type, value) in order, repeated ones too. Those that MESSAGE-INTEGRITY does not cover are left
            out, except MESSAGE-INTEGRITY-SHA256 and FINGERPRINT (RFC 8489 section 14.5).
        datagram: the message itself.
    """

    message_class: MessageClass
    method: int
    transaction_id: bytes
    attributes: tuple[tuple[int, bytes], ...]
    datagram: bytes = field(repr=False)

    def find(self, attribute_type: int) -> bytes | None:
        """Return the value of the first attribute of a type: only that one counts (RFC 8489 section 14)."""
        for this_type, value in self.attributes:
            if this_type == attribute_type:
                return value
        return None


def is_comprehension_required(attribute_type: int) -> bool:
    """Whether a request with this attribute must be refused by who does not know it (RFC 8489 section 14)."""
    return attribute_type < 0x8000


def parse(datagram: bytes) -> Message | DropReason:
    """Return the message, or why it is none.

    Returns:
        A :class:`Message`, or ``TOO_SHORT``, ``STUN_MALFORMED`` (header, a length, more than 64 attributes), or
        ``STUN_FINGERPRINT`` (FINGERPRINT that is not last or has not 4 octets).
    """
    spans = _native.parse(datagram)
    if isinstance(spans, DropReason):
        return spans
    message_type = spans.type
    return Message(
        _CLASSES[(message_type >> 7 & 2) | (message_type >> 4 & 1)],
        (message_type >> 2 & 0xF80) | (message_type >> 1 & 0x70) | (message_type & 0xF),
        datagram[8:HEADER_SIZE],
        tuple((this_type, datagram[at : at + length]) for this_type, length, at in spans.attributes),
        datagram,
    )


_CLASSES = tuple(MessageClass)


def server_ufrag(datagram: bytes) -> str | DropReason:
    """Return the server ufrag that a binding request names, as the relay reads it.

    Returns:
        24 characters, not yet known to be a hint; or what :func:`parse` answers for a malformed message,
        ``STUN_METHOD`` (not a binding request), or ``USERNAME_INVALID`` (checklist B20, B21).
    """
    ufrag = _native.server_ufrag(datagram)
    return ufrag if isinstance(ufrag, DropReason) else ufrag.decode("latin-1")


def verify_fingerprint(message: Message) -> bool:
    """Whether the message has a FINGERPRINT and it is right (RFC 8489 section 14.7)."""
    value = message.find(Attribute.FINGERPRINT)
    return value is not None and value == _fingerprint(message.datagram[:-_FINGERPRINT_SIZE])


def verify_integrity(message: Message, key: bytes) -> bool:
    """Whether the message has a MESSAGE-INTEGRITY and ``key`` made it (RFC 8489 section 14.5).

    Args:
        key: for ICE the password of whoever receives the request, in both directions (RFC 8445 section 7.1.2).
    """
    end = HEADER_SIZE
    for this_type, value in message.attributes:
        if this_type == Attribute.MESSAGE_INTEGRITY:
            return hmac.compare_digest(value, _integrity(message.datagram[:end], key))
        end += 4 + (len(value) + 3 & ~3)
    return False


def build(
    message_class: MessageClass,
    method: int,
    transaction_id: bytes,
    attributes: Iterable[tuple[int, bytes]] = (),
    *,
    integrity_key: bytes | None = None,
    fingerprint: bool = True,
) -> bytes:
    """Return a message, its padding zero.

    Args:
        attributes: (type, value), in order, without MESSAGE-INTEGRITY and FINGERPRINT.
        integrity_key: adds MESSAGE-INTEGRITY with this key; None: without.
        fingerprint: adds FINGERPRINT, as ICE wants it in every check and response (RFC 8445 section 7).

    Raises:
        UsageError: a method, transaction id or value out of range, or a message longer than its length field says.
    """
    if not 0 <= method <= 0xFFF or len(transaction_id) != _TRANSACTION_ID_SIZE:
        raise UsageError("a method is within 0..0xFFF and a transaction id has 12 octets")
    message_type = (method & 0xF80) << 2 | (method & 0x70) << 1 | method & 0xF
    message_type |= (message_class & 2) << 7 | (message_class & 1) << 4
    body = b"".join(_attribute(this_type, value) for this_type, value in attributes)
    if len(body) + _INTEGRITY_SIZE + _FINGERPRINT_SIZE > 0xFFFF:
        raise UsageError("the attributes are longer than a message")
    message = struct.pack("!HH", message_type, len(body)) + _COOKIE + transaction_id + body
    if integrity_key is not None:
        value = _integrity(message, integrity_key)
        message = _with_length(message, _INTEGRITY_SIZE) + _attribute(Attribute.MESSAGE_INTEGRITY, value)
    if fingerprint:
        value = _fingerprint(_with_length(message, _FINGERPRINT_SIZE))
        message = _with_length(message, _FINGERPRINT_SIZE) + _attribute(Attribute.FINGERPRINT, value)
    return message


def _attribute(attribute_type: int, value: bytes) -> bytes:
    if not 0 <= attribute_type <= 0xFFFF or len(value) > 0xFFFF:
        raise UsageError("an attribute type is within 0..0xFFFF and a value has at most 65,535 octets")
    return struct.pack("!HH", attribute_type, len(value)) + value + bytes(-len(value) % 4)


def _with_length(head: bytes, more: int) -> bytes:
    """Return the message up to here, with a length field that counts ``more`` octets after it."""
    return head[:2] + (len(head) - HEADER_SIZE + more).to_bytes(2, "big") + head[4:]


def _integrity(head: bytes, key: bytes) -> bytes:
    """HMAC-SHA1 over what precedes MESSAGE-INTEGRITY, as if the message ended with it (RFC 8489 section 14.5)."""
    return hmac.digest(key, _with_length(head, _INTEGRITY_SIZE), "sha1")


def _fingerprint(head: bytes) -> bytes:
    return (zlib.crc32(head) ^ _FINGERPRINT_XOR).to_bytes(4, "big")
