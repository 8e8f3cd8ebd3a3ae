"""DTLS records and handshake fragments as values: parse what comes, cut what goes (RFC 6347 sections 4.1, 4.2.2).

OpenSSL works on a memory BIO here, which is a stream: it knows nothing of where a datagram began or ended. So records
are found in a datagram before OpenSSL sees them, one by one, and its output is cut at record headers into datagrams
again. Nothing here decrypts; of an encrypted record only the header is read.

::

    record:   type (1) | version (2) | epoch (2) | sequence number (6) | length (2) | body
    fragment: message type (1) | message length (3) | message_seq (2) | offset (3) | length (3) | octets
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from ..drops import DropReason

__all__ = [
    "ContentType",
    "Fragment",
    "HandshakeType",
    "Record",
    "cut",
    "parse_fragments",
    "parse_records",
]

_RECORD_HEADER = struct.Struct("!BHHHIH")  # the sequence number in two parts
_FRAGMENT_HEADER = 12
_VERSIONS = (0xFEFF, 0xFEFD)  # DTLS 1.0 is what a ClientHello's record says (section 4.2.1)


class ContentType(IntEnum):
    """Record types (RFC 5246 section 6.2.1)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


class HandshakeType(IntEnum):
    """Handshake messages that occur in our handshakes (RFC 5246 section 7.4, RFC 6347 section 4.3.2)."""

    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    HELLO_VERIFY_REQUEST = 3
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16


class Record(NamedTuple):
    """One record of a datagram.

    Attributes:
        content_type: one of :class:`ContentType`.
        epoch: 0 before ChangeCipherSpec; its body is then in the clear.
        sequence_number: 48 bits, counted per epoch.
        octets: the whole record, header included.
    """

    content_type: int
    epoch: int
    sequence_number: int
    octets: bytes

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.octets[_RECORD_HEADER.size :]


class Fragment(NamedTuple):
    """The header of one handshake fragment; its octets lie within the record, and within the message."""

    message_type: int
    message_length: int
    message_seq: int
    offset: int
    length: int


def parse_records(datagram: bytes) -> list[Record] | DropReason:
    """Return the whole records at the start of ``datagram``, at least one, or why there is none.

    What follows the last whole record is dropped with its datagram and never joins the next one.
    """
    records: list[Record] = []
    position = 0
    while len(datagram) - position > _RECORD_HEADER.size:
        content_type, version, epoch, high, low, length = _RECORD_HEADER.unpack_from(datagram, position)
        end = position + _RECORD_HEADER.size + length
        if version not in _VERSIONS or not 20 <= content_type <= 23 or length == 0 or end > len(datagram):
            break
        records.append(Record(content_type, epoch, high << 32 | low, datagram[position:end]))
        position = end
    return records or DropReason.DTLS_MALFORMED


def parse_fragments(body: bytes) -> list[Fragment] | DropReason:
    """Return the fragments that make up the body of a handshake record in the clear, or why they do not.

    A fragment of no octets is refused unless its message has none (ServerHelloDone): it could only cost memory.
    """
    fragments: list[Fragment] = []
    position = 0
    while position < len(body):
        if len(body) - position < _FRAGMENT_HEADER:
            return DropReason.DTLS_MALFORMED
        header = body[position : position + _FRAGMENT_HEADER]
        message_length = int.from_bytes(header[1:4], "big")
        offset = int.from_bytes(header[6:9], "big")
        length = int.from_bytes(header[9:12], "big")
        position += _FRAGMENT_HEADER
        is_inside = length <= len(body) - position and length <= message_length and offset <= message_length - length
        if not is_inside or (length == 0) != (message_length == 0):
            return DropReason.DTLS_MALFORMED
        fragments.append(Fragment(header[0], message_length, int.from_bytes(header[4:6], "big"), offset, length))
        position += length
    return fragments


def cut(stream: bytes, limit: int) -> list[bytes]:
    """Return datagrams of whole records, each as full as ``limit`` octets allow (RFC 6347 section 4.1.1).

    Args:
        stream: what OpenSSL wrote; whole records, each within ``limit``.
        limit: octets of the largest datagram.
    """
    datagrams: list[bytes] = []
    start = end = 0
    while end < len(stream):
        length = _RECORD_HEADER.size + int.from_bytes(stream[end + 11 : end + 13], "big")
        if end + length - start > limit and end > start:
            datagrams.append(stream[start:end])
            start = end
        end += length
    if end > start:
        datagrams.append(stream[start:end])
    return datagrams
