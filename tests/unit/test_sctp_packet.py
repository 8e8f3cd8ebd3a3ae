"""SCTP packets: checksum, and walks that stay inside."""

from __future__ import annotations

import struct

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.session.sctp_packet import (
    MAX_CHUNKS,
    MAX_PACKET,
    Chunk,
    ChunkType,
    Packet,
    PacketBuilder,
    Parameter,
    build_chunk,
    build_packet,
    build_parameter,
    parse_packet,
    parse_parameters,
)

# INIT as a browser sends it; assembled by hand from RFC 9260 section 3.3.2, checksum by the bitwise CRC below.
TAG = 0x01020304


def crc32c(data: bytes) -> int:
    """Appendix A of RFC 9260, bit by bit."""
    register = 0xFFFF_FFFF
    for octet in data:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0x82F6_3B78 if register & 1 else 0)
    return register ^ 0xFFFF_FFFF


def packet_of(body: bytes) -> bytes:
    """A packet with a right checksum around whatever ``body`` is."""
    return build_packet(5000, 5001, TAG, [body])


def test_checksum_is_crc32c_in_the_order_of_the_rfc() -> None:
    """H2: against a bitwise implementation, and its known answer (RFC 3720 appendix B.4: 32 zeros)."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    packet = packet_of(build_chunk(ChunkType.COOKIE_ACK))
    assert struct.unpack_from("<L", packet, 8)[0] == crc32c(packet[:8] + bytes(4) + packet[12:])


def test_parse_after_build_is_identity() -> None:
    chunks = [build_chunk(ChunkType.HEARTBEAT, 3, b"abcde"), build_chunk(ChunkType.COOKIE_ACK)]
    parsed = parse_packet(build_packet(5000, 5001, TAG, chunks))
    assert parsed == Packet(5000, 5001, TAG, (Chunk(4, 3, b"abcde"), Chunk(11, 0, b"")))


def test_every_octet_is_under_the_checksum() -> None:
    """H2: one wrong bit anywhere, counted as such."""
    packet = packet_of(build_chunk(ChunkType.HEARTBEAT, 0, b"abcd"))
    wrong = []
    for position in range(len(packet)):
        changed = bytearray(packet)
        changed[position] ^= 1
        if parse_packet(bytes(changed)) is not DropReason.SCTP_CHECKSUM:
            wrong.append(position)
    assert not wrong


def test_truncated_packets_are_refused() -> None:
    packet = packet_of(build_chunk(ChunkType.HEARTBEAT, 0, b"abcd"))
    refused = {parse_packet(packet[:size]) for size in range(len(packet))}
    assert refused == {DropReason.SCTP_MALFORMED, DropReason.SCTP_CHECKSUM}


@pytest.mark.parametrize("length", [0, 1, 3, 13, 65_535])
def test_a_chunk_length_that_cannot_be_ends_the_packet(length: int) -> None:
    """H2: lengths 0, 1, 3, past the end; what came before it counts, what follows does not."""
    broken = struct.pack("!BBH", ChunkType.DATA, 0, length) + bytes(8)
    assert parse_packet(packet_of(broken)) is DropReason.SCTP_MALFORMED
    parsed = parse_packet(packet_of(build_chunk(ChunkType.COOKIE_ACK) + broken + build_chunk(ChunkType.SHUTDOWN)))
    assert isinstance(parsed, Packet)
    assert [chunk.type for chunk in parsed.chunks] == [ChunkType.COOKIE_ACK] + (
        [ChunkType.DATA] if length == 13 else []
    )


def test_the_last_chunk_may_lack_its_padding() -> None:
    parsed = parse_packet(packet_of(build_chunk(ChunkType.HEARTBEAT, 0, b"abcde")[:-3]))
    assert isinstance(parsed, Packet)
    assert parsed.chunks == (Chunk(4, 0, b"abcde"),)


def test_the_walk_is_bounded() -> None:
    parsed = parse_packet(packet_of(build_chunk(ChunkType.COOKIE_ACK) * 4000))
    assert isinstance(parsed, Packet)
    assert len(parsed.chunks) == MAX_CHUNKS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", ()),
        (build_parameter(7, b"abc"), (Parameter(7, b"abc"),)),
        (build_parameter(7, b"abc") + build_parameter(9), (Parameter(7, b"abc"), Parameter(9, b""))),
        (build_parameter(7, b"abc")[:-1], (Parameter(7, b"abc"),)),  # padding of the last one is not in the chunk
        (b"\x00", None),
        (build_parameter(9) + b"\x00\x07\x00", None),  # a short last one
        (b"\x00\x07\x00\x03", None),
        (b"\x00\x07\x00\x00", None),
        (b"\x00\x07\x00\x05", None),
        (b"\x00\x07\xff\xff", None),
    ],
)
def test_parameters_stay_inside_their_chunk(value: bytes, expected: tuple[Parameter, ...] | None) -> None:
    """H2."""
    assert parse_parameters(value) == expected


def test_the_builder_bundles_in_order_and_never_beyond_the_limit() -> None:
    builder = PacketBuilder(5000, 5001, TAG)
    chunks = [build_chunk(ChunkType.HEARTBEAT, 0, bytes([n]) * size) for n, size in enumerate([1000, 140, 1, 1144])]
    for chunk in chunks:
        builder.add(chunk)
    packets = builder.packets()
    assert max(map(len, packets)) <= MAX_PACKET
    assert b"".join(packet[12:] for packet in packets) == b"".join(chunks)
    assert [len(packet) for packet in packets] == [12 + 1004 + 144, 12 + 8, 12 + 1148]
    assert builder.packets() == []
