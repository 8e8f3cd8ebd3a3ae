"""The values of the chunks that carry data and account for it, and of INIT.

RFC 9260 sections 3.3.1 to 3.3.4 (DATA, INIT, INIT ACK, SACK) and RFC 3758 section 3.2 (FORWARD TSN). Every ``parse``
returns None for a value that cannot be.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from .sctp_packet import (
    MAX_PACKET,
    Chunk,
    ChunkType,
    Parameter,
    build_chunk,
    build_parameter,
    parse_chunk,
    parse_parameters,
)

__all__ = [
    "MAX_PAYLOAD",
    "MIN_WINDOW",
    "Cause",
    "Data",
    "ForwardTsn",
    "Init",
    "InitParameter",
    "Sack",
    "build_cause",
]

_PACKET_HEADER_SIZE = 12
_DATA = struct.Struct("!LHHL")
_INIT = struct.Struct("!LLHHL")
_SACK = struct.Struct("!LLHH")
_PAIR = struct.Struct("!HH")
_TSN = struct.Struct("!L")
_LAST, _FIRST, _UNORDERED, _IMMEDIATE = 1, 2, 4, 8

MAX_PAYLOAD = MAX_PACKET - _PACKET_HEADER_SIZE - 4 - _DATA.size  # 1,132 octets of a message in one packet
MIN_WINDOW = 1500  # RFC 9260 section 3.3.2: no smaller one may be announced


class InitParameter(IntEnum):
    """Parameters of INIT and INIT ACK that we read or write."""

    STATE_COOKIE = 7
    UNRECOGNIZED = 8
    SUPPORTED_EXTENSIONS = 0x8008  # RFC 5061 section 4.2.7
    FORWARD_TSN_SUPPORTED = 0xC000  # RFC 3758 section 3.1


class Cause(IntEnum):
    """Error causes that we send or look for (RFC 9260 section 3.3.10)."""

    INVALID_STREAM = 1
    STALE_COOKIE = 3
    UNRECOGNIZED_CHUNK = 6
    NO_USER_DATA = 9
    USER_ABORT = 12
    PROTOCOL_VIOLATION = 13


def build_cause(kind: ChunkType, cause: Cause, value: bytes = b"") -> bytes:
    """Return an ABORT or ERROR chunk with one cause."""
    return build_chunk(kind, 0, build_parameter(cause, value))


@dataclass(frozen=True, slots=True)
class Data:
    """One DATA chunk: a message or a fragment of one.

    Attributes:
        tsn: transmission sequence number.
        stream_id: stream identifier.
        ssn: stream sequence number; without meaning where ``is_unordered``.
        ppid: payload protocol identifier.
        payload: 1 octet or more.
        is_first: B, the first fragment of its message.
        is_last: E, the last one.
        is_unordered: U.
        is_immediate: I, the sender wants its SACK at once (RFC 7053).
    """

    tsn: int
    stream_id: int
    ssn: int
    ppid: int
    payload: bytes
    is_first: bool = True
    is_last: bool = True
    is_unordered: bool = False
    is_immediate: bool = False

    @classmethod
    def parse(cls, chunk: Chunk) -> Data | None:
        """Return the chunk's fields; the payload may be empty, which is a fault of its own (section 6.2)."""
        if len(chunk.value) < _DATA.size:
            return None
        tsn, stream_id, ssn, ppid = _DATA.unpack_from(chunk.value)
        flags = chunk.flags
        return cls(
            tsn,
            stream_id,
            ssn,
            ppid,
            chunk.value[_DATA.size :],
            bool(flags & _FIRST),
            bool(flags & _LAST),
            bool(flags & _UNORDERED),
            bool(flags & _IMMEDIATE),
        )

    def build(self) -> bytes:
        """Return the chunk."""
        flags = (
            _FIRST * self.is_first
            | _LAST * self.is_last
            | _UNORDERED * self.is_unordered
            | _IMMEDIATE * self.is_immediate
        )
        fields = _DATA.pack(self.tsn, self.stream_id, self.ssn, self.ppid)
        return build_chunk(ChunkType.DATA, flags, fields + self.payload)


@dataclass(frozen=True, slots=True)
class Init:
    """INIT or INIT ACK.

    Attributes:
        tag: the sender's verification tag, never 0.
        window: octets that the sender takes at first.
        outbound_streams: that the sender wants to send on, at least 1.
        inbound_streams: that the sender takes at most, at least 1.
        initial_tsn: of its first DATA chunk.
        parameters: in order.
    """

    tag: int
    window: int
    outbound_streams: int
    inbound_streams: int
    initial_tsn: int
    parameters: tuple[Parameter, ...] = ()

    @classmethod
    def parse(cls, chunk: Chunk) -> Init | None:
        """Return the chunk's fields, None also for values that section 3.3.2 forbids."""
        if len(chunk.value) < _INIT.size:
            return None
        parameters = parse_parameters(chunk.value[_INIT.size :])
        if parameters is None:
            return None
        tag, window, outbound_streams, inbound_streams, initial_tsn = _INIT.unpack_from(chunk.value)
        init = cls(tag, window, outbound_streams, inbound_streams, initial_tsn, parameters)
        is_possible = init.tag and init.outbound_streams and init.inbound_streams and init.window >= MIN_WINDOW
        return init if is_possible else None

    @classmethod
    def parse_octets(cls, octets: bytes) -> Init | None:
        """Return the INIT that the octets are, with or without its padding; None for anything else."""
        chunk = parse_chunk(octets)
        return None if chunk is None or chunk.type != ChunkType.INIT else cls.parse(chunk)

    def build(self, kind: ChunkType) -> bytes:
        """Return the chunk; ``kind`` is INIT or INIT_ACK."""
        fields = _INIT.pack(self.tag, self.window, self.outbound_streams, self.inbound_streams, self.initial_tsn)
        return build_chunk(kind, 0, fields + b"".join(build_parameter(p.type, p.value) for p in self.parameters))

    def parameter(self, kind: InitParameter) -> bytes | None:
        """Return the value of the first parameter of that kind."""
        return next((parameter.value for parameter in self.parameters if parameter.type == kind), None)


@dataclass(frozen=True, slots=True)
class Sack:
    """What the peer has.

    Attributes:
        cumulative_tsn: it has everything up to here.
        window: octets that it takes beyond what is outstanding.
        gaps: first and last offset from ``cumulative_tsn`` of what else it has, rising and apart from each other.
        duplicates: TSNs that came more than once.
    """

    cumulative_tsn: int
    window: int
    gaps: tuple[tuple[int, int], ...] = ()
    duplicates: tuple[int, ...] = ()

    @classmethod
    def parse(cls, chunk: Chunk) -> Sack | None:
        """Return the chunk's fields."""
        value = chunk.value
        if len(value) < _SACK.size:
            return None
        cumulative_tsn, window, gap_count, duplicate_count = _SACK.unpack_from(value)
        gaps_end = _SACK.size + gap_count * _PAIR.size
        if len(value) < gaps_end + duplicate_count * _TSN.size:
            return None
        gaps = tuple(_PAIR.iter_unpack(value[_SACK.size : gaps_end]))
        edge = 0
        for first, last in gaps:
            if not edge < first <= last:
                return None
            edge = last
        duplicates = _TSN.iter_unpack(value[gaps_end : gaps_end + duplicate_count * _TSN.size])
        return cls(cumulative_tsn, window, gaps, tuple(tsn for (tsn,) in duplicates))

    def build(self) -> bytes:
        """Return the chunk."""
        fields = _SACK.pack(self.cumulative_tsn, self.window, len(self.gaps), len(self.duplicates))
        gaps = b"".join(_PAIR.pack(*gap) for gap in self.gaps)
        return build_chunk(ChunkType.SACK, 0, fields + gaps + b"".join(map(_TSN.pack, self.duplicates)))


@dataclass(frozen=True, slots=True)
class ForwardTsn:
    """The sender has given up everything up to ``cumulative_tsn`` that did not arrive.

    Attributes:
        cumulative_tsn: the new cumulative TSN.
        skipped: stream identifier and last given-up stream sequence number of each ordered stream.
    """

    cumulative_tsn: int
    skipped: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, chunk: Chunk) -> ForwardTsn | None:
        """Return the chunk's fields."""
        value = chunk.value
        if len(value) < _TSN.size or (len(value) - _TSN.size) % _PAIR.size:
            return None
        return cls(_TSN.unpack_from(value)[0], tuple(_PAIR.iter_unpack(value[_TSN.size :])))

    def build(self) -> bytes:
        """Return the chunk."""
        skipped = b"".join(_PAIR.pack(*pair) for pair in self.skipped)
        return build_chunk(ChunkType.FORWARD_TSN, 0, _TSN.pack(self.cumulative_tsn) + skipped)
