"""RTCP against aiortc's own reader and writer, and against the framing in C."""

from __future__ import annotations

import struct

import pytest
from aiortc import rtp as oracle
from hypothesis import given
from hypothesis import strategies as st

from rtcsplit._native.rtp import walk_rtcp
from rtcsplit.drops import DropReason
from rtcsplit.wire.rtcp import (
    Compound,
    Feedback,
    Goodbye,
    Member,
    PacketType,
    ReceiverReport,
    ReceptionReport,
    SdesChunk,
    SenderReport,
    SourceDescription,
    build,
    parse,
)

U32 = st.integers(0, 0xFFFFFFFF)
BLOCKS = st.lists(
    st.builds(ReceptionReport, U32, st.integers(0, 255), st.integers(-(1 << 23), (1 << 23) - 1), U32, U32, U32, U32),
    max_size=31,
).map(tuple)
SENDER_REPORTS = st.builds(SenderReport, U32, st.integers(0, (1 << 64) - 1), U32, U32, U32, BLOCKS)
RECEIVER_REPORTS = st.builds(ReceiverReport, U32, BLOCKS)
ITEMS = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=255)), max_size=4).map(tuple)
CHUNKS = st.lists(st.builds(SdesChunk, U32, ITEMS), max_size=4).map(tuple)
GOODBYES = st.builds(Goodbye, st.lists(U32, max_size=31).map(tuple), st.binary(max_size=255))
WORDS = st.binary(max_size=60).map(lambda octets: octets[: len(octets) // 4 * 4])
FEEDBACK = st.builds(
    Feedback, st.sampled_from((PacketType.RTPFB, PacketType.PSFB)), st.integers(0, 31), U32, U32, WORDS
)
MEMBERS = st.one_of(SENDER_REPORTS, RECEIVER_REPORTS, st.builds(SourceDescription, CHUNKS), GOODBYES, FEEDBACK)


@given(st.lists(MEMBERS, min_size=1, max_size=8))
def test_parse_after_build_is_identity(members: list[Member]) -> None:
    assert parse(build(members)) == Compound(tuple(members))


@given(st.one_of(st.binary(max_size=200), st.lists(MEMBERS, min_size=1, max_size=3).map(build)), st.data())
def test_any_octets_are_read_or_refused_and_framing_agrees_with_c(packet: bytes, data: st.DataObject) -> None:
    """F10: no input raises; the two walks accept the same packets and see the same number of members."""
    if packet and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(packet) - 1))
        packet = packet[:place] + data.draw(st.binary(min_size=1, max_size=4)) + packet[place + 1 :]
    result = parse(packet)
    walked = walk_rtcp(packet)
    if isinstance(result, Compound):
        assert not isinstance(walked, DropReason)
        assert len(walked) == len(result.members) + result.skipped
    else:
        assert result is DropReason.RTCP_MALFORMED
        assert walked in (DropReason.RTCP_MALFORMED, DropReason.TOO_SHORT)


def _oracle_block(block: ReceptionReport) -> oracle.RtcpReceiverInfo:
    return oracle.RtcpReceiverInfo(
        block.ssrc,
        block.fraction_lost,
        block.packets_lost,
        block.highest_sequence,
        block.jitter,
        block.last_sr,
        block.delay_since_last_sr,
    )


def _oracle_member(member: Member) -> oracle.AnyRtcpPacket:
    match member:
        case SenderReport():
            info = oracle.RtcpSenderInfo(member.ntp_time, member.rtp_timestamp, member.packet_count, member.octet_count)
            return oracle.RtcpSrPacket(member.ssrc, info, [_oracle_block(b) for b in member.reports])
        case ReceiverReport():
            return oracle.RtcpRrPacket(member.ssrc, [_oracle_block(b) for b in member.reports])
        case SourceDescription():
            return oracle.RtcpSdesPacket([oracle.RtcpSourceInfo(c.ssrc, list(c.items)) for c in member.chunks])
        case Goodbye():
            return oracle.RtcpByePacket(list(member.ssrcs))
        case Feedback():
            return oracle.RtcpPsfbPacket(
                member.format, member.sender_ssrc, member.media_ssrc, member.control_information
            )


# Left out where aiortc departs from RFC 3550: it does not pad the chunks of an SDES one by one, and its NACK reader
# keeps packet numbers only.
SHARED = st.one_of(
    SENDER_REPORTS,
    RECEIVER_REPORTS,
    st.builds(Goodbye, st.lists(U32, max_size=31).map(tuple)),
    st.builds(SourceDescription, st.builds(SdesChunk, U32, ITEMS).map(lambda chunk: (chunk,))),
    st.builds(Feedback, st.just(PacketType.PSFB), st.integers(0, 31), U32, U32, WORDS),
)


@given(st.lists(SHARED, min_size=1, max_size=6))
def test_aiortc_reads_what_we_build_and_we_read_what_it_builds(members: list[Member]) -> None:
    """Independent oracle, both directions."""
    theirs = [_oracle_member(member) for member in members]
    assert oracle.RtcpPacket.parse(build(members)) == theirs
    assert parse(b"".join(bytes(member) for member in theirs)) == Compound(tuple(members))


@pytest.mark.parametrize("words", [0, 1, 2, 5, 0xFFFF])
@pytest.mark.parametrize("packet_type", [200, 201, 202, 203, 205, 206])
def test_every_count_and_length_of_a_member_ends(packet_type: int, words: int) -> None:
    """F10: all 32 counts by lengths: only the one that ends with the packet is sound."""
    for count in range(32):
        packet = struct.pack(">BBH", 0x80 | count, packet_type, words) + bytes(20)
        assert isinstance(parse(packet), Compound) == (words == 5), count
