"""SCTP packets as values: common header, checksum, and the walks over chunks and parameters (RFC 9260 section 3).

What a chunk means is in :mod:`.sctp_chunks`. A length that leaves its packet ends the walk, and what came before it
counts (RFC 9260 section 6.10); a length that leaves its chunk spoils that chunk. Packets exist inside of DTLS records
only (RFC 8261), so whoever made one is the authenticated peer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import google_crc32c

from ..drops import DropReason

__all__ = [
    "MAX_CHUNKS",
    "MAX_PACKET",
    "Chunk",
    "ChunkType",
    "Packet",
    "PacketBuilder",
    "Parameter",
    "build_chunk",
    "build_packet",
    "build_parameter",
    "parse_chunk",
    "parse_packet",
    "parse_parameters",
]

MAX_PACKET = 1160  # multiple of four below the 1,163 octets that one DTLS record of a 1,200 octet datagram carries
MAX_CHUNKS = 128  # the smallest DATA chunks that fill a datagram are 60

_COMMON = struct.Struct("!HHL")
_HEADER_SIZE = 12
_CHUNK = struct.Struct("!BBH")
_PARAMETER = struct.Struct("!HH")
_CHECKSUM = struct.Struct("<L")  # CRC-32c is sent in the order that RFC 9260 appendix A derives: little-endian
_NO_CHECKSUM = bytes(4)


class ChunkType(IntEnum):
    """Chunk types (RFC 9260 section 3.2, RFC 3758 section 3.2, RFC 6525 section 3.1)."""

    DATA = 0
    INIT = 1
    INIT_ACK = 2
    SACK = 3
    HEARTBEAT = 4
    HEARTBEAT_ACK = 5
    ABORT = 6
    SHUTDOWN = 7
    SHUTDOWN_ACK = 8
    ERROR = 9
    COOKIE_ECHO = 10
    COOKIE_ACK = 11
    SHUTDOWN_COMPLETE = 14
    RE_CONFIG = 130
    FORWARD_TSN = 192


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk, its value without header and padding."""

    type: int
    flags: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, or one error cause, whose layout is the same."""

    type: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet whose checksum is right; it has at least one chunk and at most 128."""

    source_port: int
    destination_port: int
    verification_tag: int
    chunks: tuple[Chunk, ...]


def parse_packet(data: bytes) -> Packet | DropReason:
    """Return the packet, or SCTP_MALFORMED or SCTP_CHECKSUM."""
    if len(data) < _HEADER_SIZE + _CHUNK.size:
        return DropReason.SCTP_MALFORMED
    if _CHECKSUM.unpack_from(data, 8)[0] != google_crc32c.value(data[:8] + _NO_CHECKSUM + data[12:]):
        return DropReason.SCTP_CHECKSUM
    chunks = _walk(data)
    if not chunks:
        return DropReason.SCTP_MALFORMED
    source_port, destination_port, verification_tag = _COMMON.unpack_from(data)
    return Packet(source_port, destination_port, verification_tag, chunks)


def _walk(data: bytes) -> tuple[Chunk, ...]:
    found: list[Chunk] = []
    position = _HEADER_SIZE
    while len(data) - position >= _CHUNK.size and len(found) < MAX_CHUNKS:
        kind, flags, length = _CHUNK.unpack_from(data, position)
        if length < _CHUNK.size or length > len(data) - position:
            break
        found.append(Chunk(kind, flags, data[position + _CHUNK.size : position + length]))
        position += _padded(length)
    return tuple(found)


def parse_chunk(octets: bytes) -> Chunk | None:
    """Return the one chunk that the octets are, with or without its padding, None where they are something else."""
    if len(octets) < _CHUNK.size:
        return None
    kind, flags, length = _CHUNK.unpack_from(octets)
    is_whole = length >= _CHUNK.size and len(octets) in (length, _padded(length))
    return Chunk(kind, flags, octets[_CHUNK.size : length]) if is_whole else None


def parse_parameters(value: bytes) -> tuple[Parameter, ...] | None:
    """Return the parameters that fill ``value``, None where a length is impossible (RFC 9260 section 3.2.1)."""
    found: list[Parameter] = []
    position = 0
    while position < len(value):
        left = len(value) - position
        if left < _PARAMETER.size:
            return None
        kind, length = _PARAMETER.unpack_from(value, position)
        if length < _PARAMETER.size or length > left:
            return None
        found.append(Parameter(kind, value[position + _PARAMETER.size : position + length]))
        position += _padded(length)
    return tuple(found)


def build_chunk(kind: int, flags: int = 0, value: bytes = b"") -> bytes:
    """Return a chunk with its padding."""
    return _pad(_CHUNK.pack(kind, flags, _CHUNK.size + len(value)) + value)


def build_parameter(kind: int, value: bytes = b"") -> bytes:
    """Return a parameter or an error cause with its padding."""
    return _pad(_PARAMETER.pack(kind, _PARAMETER.size + len(value)) + value)


def build_packet(source_port: int, destination_port: int, verification_tag: int, chunks: Iterable[bytes]) -> bytes:
    """Return a packet of built chunks."""
    header = _COMMON.pack(source_port, destination_port, verification_tag)
    body = b"".join(chunks)
    return header + _CHECKSUM.pack(google_crc32c.value(header + _NO_CHECKSUM + body)) + body


class PacketBuilder:
    """Bundles chunks into as few packets as their order allows (RFC 9260 section 6.10), each at most 1,160 octets.

    Args:
        source_port: ours.
        destination_port: the peer's.
        verification_tag: the peer's.
    """

    def __init__(self, source_port: int, destination_port: int, verification_tag: int) -> None:
        self._header = source_port, destination_port, verification_tag
        self._chunks: list[bytes] = []
        self._size = _HEADER_SIZE
        self._packets: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        """Put one more chunk behind the others."""
        if self._size + len(chunk) > MAX_PACKET:
            self._flush()
        self._chunks.append(chunk)
        self._size += len(chunk)

    def packets(self) -> list[bytes]:
        """Return everything that was added."""
        self._flush()
        packets, self._packets = self._packets, []
        return packets

    def _flush(self) -> None:
        if self._chunks:
            self._packets.append(build_packet(*self._header, self._chunks))
        self._chunks = []
        self._size = _HEADER_SIZE


def _padded(length: int) -> int:
    return (length + 3) & ~3


def _pad(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
