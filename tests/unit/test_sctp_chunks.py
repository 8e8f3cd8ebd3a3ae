"""Values of chunks: round trips, truncation, and what cannot be."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from rtcsplit.session.sctp_chunks import MAX_PAYLOAD, Data, ForwardTsn, Init, InitParameter, Sack
from rtcsplit.session.sctp_packet import Chunk, ChunkType, Packet, Parameter, build_packet, parse_packet

DATA = Data(7, 3, 9, 51, b"hello", is_first=True, is_last=False, is_unordered=True, is_immediate=True)
INIT = Init(1, 1_048_576, 1024, 2048, 0xFFFFFFFF, (Parameter(0xC000, b""), Parameter(0x8008, b"\xc0\x82")))
SACK = Sack(7, 1000, ((2, 3), (5, 5)), (6, 7))
FORWARD = ForwardTsn(9, ((1, 2), (3, 4)))


def chunk_of(octets: bytes) -> Chunk:
    packet = parse_packet(build_packet(5000, 5000, 1, [octets]))
    assert isinstance(packet, Packet)
    return packet.chunks[0]


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (DATA, DATA.build()),
        (Data(0, 0, 0, 53, b"x" * MAX_PAYLOAD), Data(0, 0, 0, 53, b"x" * MAX_PAYLOAD).build()),
        (INIT, INIT.build(ChunkType.INIT)),
        (SACK, SACK.build()),
        (Sack(7, 0), Sack(7, 0).build()),
        (FORWARD, FORWARD.build()),
    ],
)
def test_parse_after_build_is_identity(value: Data | Init | Sack | ForwardTsn, octets: bytes) -> None:
    assert type(value).parse(chunk_of(octets)) == value


def test_the_layout_of_data_is_that_of_the_rfc() -> None:
    """RFC 9260 section 3.3.1, octet by octet."""
    assert DATA.build() == bytes.fromhex("000e0015 00000007 0003 0009 00000033") + b"hello\0\0\0"


@pytest.mark.parametrize(
    ("parse", "octets", "shortest"),
    [
        (Data.parse, DATA.build(), 12),
        (Init.parse, INIT.build(ChunkType.INIT_ACK), 16),
        (Sack.parse, SACK.build(), 28),
        (ForwardTsn.parse, FORWARD.build(), 4),
    ],
)
def test_truncated_values_are_refused(parse: Callable[[Chunk], object], octets: bytes, shortest: int) -> None:
    """H2: each length below the shortest possible one."""
    whole = chunk_of(octets)
    taken = [n for n in range(shortest) if parse(Chunk(whole.type, whole.flags, whole.value[:n])) is not None]
    assert not taken


def test_an_init_with_a_short_last_parameter_is_refused() -> None:
    """H2."""
    value = chunk_of(INIT.build(ChunkType.INIT)).value
    assert Init.parse(Chunk(1, 0, value + b"\xc0")) is None
    assert Init.parse(Chunk(1, 0, value + b"\xc0\x00\x00")) is None
    assert Init.parse(Chunk(1, 0, value + b"\xc0\x00\x00\x05")) is None
    assert Init.parse(Chunk(1, 0, value + b"\xc0\x00\x00\x04")) is not None


@pytest.mark.parametrize(
    "init",
    [Init(0, 1500, 1, 1, 0), Init(1, 1499, 1, 1, 0), Init(1, 1500, 0, 1, 0), Init(1, 1500, 1, 0, 0)],
    ids=["tag", "window", "outbound", "inbound"],
)
def test_an_init_with_forbidden_values_is_refused(init: Init) -> None:
    """RFC 9260 section 3.3.2: the tag, the streams and the window have lower bounds."""
    assert Init.parse(chunk_of(init.build(ChunkType.INIT))) is None


def test_init_parameters_are_found_by_kind() -> None:
    assert INIT.parameter(InitParameter.FORWARD_TSN_SUPPORTED) == b""
    assert INIT.parameter(InitParameter.STATE_COOKIE) is None


@pytest.mark.parametrize("gaps", [((0, 1),), ((3, 2),), ((2, 3), (3, 4)), ((5, 6), (2, 3))])
def test_gaps_have_to_rise(gaps: tuple[tuple[int, int], ...]) -> None:
    assert Sack.parse(chunk_of(Sack(1, 2, gaps).build())) is None


def test_counts_of_a_sack_are_not_trusted() -> None:
    """H2: 65,535 gaps and duplicates in a chunk of 12 octets."""
    assert Sack.parse(Chunk(3, 0, struct.pack("!LLHH", 1, 2, 65_535, 0))) is None
    assert Sack.parse(Chunk(3, 0, struct.pack("!LLHH", 1, 2, 0, 65_535))) is None


def test_a_forward_tsn_takes_whole_pairs() -> None:
    assert ForwardTsn.parse(Chunk(192, 0, bytes(6))) is None
