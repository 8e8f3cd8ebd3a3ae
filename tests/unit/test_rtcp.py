"""RTCP: framing, members, and what a broken one costs (RFC 3550 section 6 and appendix A.2, RFC 4585, RFC 5506)."""

from __future__ import annotations

import struct

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.wire.rtcp import (
    Compound,
    Feedback,
    Goodbye,
    Member,
    PacketType,
    ReceiverReport,
    ReceptionReport,
    SdesChunk,
    SdesItem,
    SenderReport,
    SourceDescription,
    build,
    parse,
    random_cname,
)

BLOCK = ReceptionReport(0x01020304, 64, -5, 0x00012345, 77, 0xAABBCCDD, 0x00010000)
SR = SenderReport(0x11223344, 0xE1234567_80000000, 0xFFFFFFFF, 3, 480, (BLOCK,))
RR = ReceiverReport(0x11223344, (BLOCK,))
SDES = SourceDescription((SdesChunk(0x11223344, ((SdesItem.CNAME, b"abc"),)),))
BYE = Goodbye((0x11223344,), b"done")
PLI = Feedback(PacketType.PSFB, 1, 1, 2)

SR_OCTETS = bytes.fromhex(
    "81c8000c11223344e123456780000000ffffffff00000003000001e0"
    "0102030440fffffb000123450000004daabbccdd00010000"
)  # fmt: skip
SDES_OCTETS = bytes.fromhex("81ca0003112233440103616263000000")


def raw(packet_type: int, body: bytes = b"", *, count: int = 0, words: int | None = None, flags: int = 0x80) -> bytes:
    """One RTCP packet with any lie in its header."""
    return struct.pack(">BBH", flags | count, packet_type, len(body) // 4 if words is None else words) + body


def members(packet: bytes) -> tuple[Member, ...]:
    compound = parse(packet)
    assert isinstance(compound, Compound)
    return compound.members


def test_sender_report_and_description_have_the_layout_of_the_rfc() -> None:
    """RFC 3550 sections 6.4.1 and 6.5, octet for octet; packets_lost is 24 bits signed."""
    assert build([SR, SDES]) == SR_OCTETS + SDES_OCTETS
    assert parse(SR_OCTETS + SDES_OCTETS) == Compound((SR, SDES))


@pytest.mark.parametrize("member", [SR, RR, SDES, BYE, PLI, Goodbye(()), SourceDescription(()), ReceiverReport(0)])
def test_each_member_survives_build_and_parse(member: Member) -> None:
    assert parse(build([member])) == Compound((member,))


def test_every_truncation_is_refused_or_ends_at_a_member() -> None:
    """The truncation twin: a prefix counts only where it ends between two members."""
    packet = build([SR, SDES, BYE, PLI])
    whole = {len(build([SR, SDES, BYE, PLI][:count])): count for count in range(1, 5)}
    for length in range(len(packet)):
        result = parse(packet[:length])
        if length in whole:
            assert isinstance(result, Compound)
            assert len(result.members) == whole[length]
        else:
            assert result is DropReason.RTCP_MALFORMED, length


REFUSED = {
    "empty": b"",
    "three octets": b"\x80\xc9\x00",
    "length beyond the end": raw(201, bytes(4), words=2),
    "length 0xFFFF": raw(201, bytes(4), words=0xFFFF),
    "second member leaves the packet": build([RR]) + raw(202, bytes(4), count=1, words=9),
    "octets left over": build([RR]) + b"\0\0",
    "version 1": raw(201, bytes(4), flags=0x40),
    "version 3 in the second member": build([RR]) + raw(202, bytes(4), flags=0xC0),
    "padding in the first of two": raw(201, bytes(7) + b"\x04", flags=0xA0) + build([SDES]),
    "padding count 0": raw(201, bytes(8), flags=0xA0),
    "padding longer than the body": raw(201, bytes(7) + b"\x0c", flags=0xA0),
    "padding of a member without body": raw(203, flags=0xA0),
    "65 members": raw(203) * 65,
    "1,400 octets of empty members": raw(200) * 350,
}


@pytest.mark.parametrize("packet", REFUSED.values(), ids=REFUSED)
def test_broken_frame_is_refused_whole(packet: bytes) -> None:
    """F10: the walk is by length words, ends inside the packet, and is bounded."""
    assert parse(packet) is DropReason.RTCP_MALFORMED


def test_padding_of_the_last_member_is_not_part_of_it() -> None:
    """F10: padding only on the last; here 4 octets behind a receiver report without blocks."""
    packet = build([SDES]) + raw(201, (9).to_bytes(4, "big") + b"\0\0\0\x04", flags=0xA0)
    assert members(packet) == (SDES, ReceiverReport(9))


@pytest.mark.parametrize("padding", [1, 2, 3])
def test_padding_need_not_be_whole_words(padding: int) -> None:
    """F10, F30: libwebrtc pads transport-wide feedback by 1 to 3 octets, with the count in the last one."""
    fci = bytes(12 - padding)
    packet = raw(205, bytes(8) + fci + bytes(padding - 1) + bytes([padding]), count=15, flags=0xA0)
    assert members(packet) == (Feedback(PacketType.RTPFB, 15, 0, 0, fci),)


def test_reduced_size_packet_is_accepted() -> None:
    """F10: feedback alone, without a report before it (RFC 5506 section 4.2)."""
    assert members(build([PLI])) == (PLI,)


BROKEN = {
    "sender report of length 0": raw(200),
    "sender report without its second block": raw(200, SR_OCTETS[4:], count=2),
    "receiver report without its block": raw(201, bytes(4), count=1),
    "NACK without media source": raw(205, bytes(4), count=1),
    "PLI without sources": raw(206, count=1),
    "BYE with too few sources": raw(203, bytes(4), count=2),
    "BYE whose reason leaves it": raw(203, bytes(4) + b"\x04abc", count=1),
    "SDES without its chunk": raw(202, count=1),
    "SDES item of 255 octets at the end": raw(202, bytes(4) + b"\x01\xffab", count=1),
    "SDES item type at the last octet": raw(202, bytes(4) + b"\x01\x01a\x01", count=1),
    "SDES items without end": raw(202, bytes(4) + b"\x01\x02ab", count=1),
    "SDES without its second chunk": raw(202, SDES_OCTETS[4:], count=2),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_broken_member_is_skipped_and_later_ones_count(broken: bytes) -> None:
    """F11, F14: report, broken member, PLI: the report and the PLI take effect."""
    assert parse(build([RR]) + broken + build([PLI])) == Compound((RR, PLI), skipped=1)


UNKNOWN = {
    "XR": raw(207, bytes(12)),
    "APP": raw(204, bytes(8)),
    "type 192": raw(192, bytes(8)),
    "type 223": raw(223),
}


@pytest.mark.parametrize("unknown", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_type_is_skipped(unknown: bytes) -> None:
    """F35: what we do not know is no error."""
    assert parse(build([RR]) + unknown + build([SDES])) == Compound((RR, SDES), skipped=1)


@pytest.mark.parametrize(("packet_type", "fmt"), [(206, 15), (205, 11), (205, 15), (206, 31)])
def test_unknown_feedback_format_keeps_its_octets(packet_type: int, fmt: int) -> None:
    """F35: REMB, transport-wide feedback and the like pass as values without a meaning."""
    feedback = Feedback(PacketType(packet_type), fmt, 1, 0, b"REMB\x01\x02\x03\x04")
    assert members(build([feedback])) == (feedback,)


def test_profile_extension_behind_the_blocks_is_ignored() -> None:
    """RFC 3550 section 6.4.3."""
    assert members(raw(200, SR_OCTETS[4:] + b"more", count=1)) == (SR,)
    assert members(raw(201, bytes(4) + b"more")) == (ReceiverReport(0),)


def test_sdes_items_end_with_zero_and_pad_to_a_word() -> None:
    """F14: every length of text; two chunks, so that a wrong pad would break the second one."""
    for length in (0, 1, 2, 3, 4, 5, 254, 255):
        chunks = tuple(SdesChunk(ssrc, ((SdesItem.CNAME, b"x" * length), (2, b"n"))) for ssrc in (1, 2))
        packet = build([SourceDescription(chunks)])
        assert len(packet) % 4 == 0
        assert packet[-1] == 0
        assert members(packet) == (SourceDescription(chunks),)


def test_lost_count_keeps_its_sign_at_both_ends() -> None:
    for lost in (-(1 << 23), -1, 0, 1, (1 << 23) - 1):
        block = ReceptionReport(1, 0, lost, 0, 0, 0, 0)
        assert members(build([ReceiverReport(2, (block,))])) == (ReceiverReport(2, (block,)),)


IMPOSSIBLE = {
    "32 blocks": ReceiverReport(1, (BLOCK,) * 32),
    "32 sources": Goodbye(tuple(range(32))),
    "SSRC of 33 bits": ReceiverReport(1 << 32),
    "negative SSRC": Goodbye((-1,)),
    "lost of 25 bits": ReceiverReport(1, (ReceptionReport(1, 0, 1 << 23, 0, 0, 0, 0),)),
    "fraction of 9 bits": ReceiverReport(1, (ReceptionReport(1, 256, 0, 0, 0, 0, 0),)),
    "text of 256 octets": SourceDescription((SdesChunk(1, ((1, bytes(256)),)),)),
    "item of type 0": SourceDescription((SdesChunk(1, ((0, b"x"),)),)),
    "reason of 256 octets": Goodbye((1,), bytes(256)),
    "feedback not in words": Feedback(PacketType.RTPFB, 1, 1, 2, b"abc"),
    "feedback format 32": Feedback(PacketType.RTPFB, 32, 1, 2),
}


@pytest.mark.parametrize("member", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_member_that_does_not_fit_is_a_usage_error(member: Member) -> None:
    with pytest.raises(UsageError):
        build([member])


def test_cname_is_96_random_bits_in_base64() -> None:
    """F14: names neither user nor host (RFC 7022 section 4.2)."""
    asked = []

    def random(octets: int) -> bytes:
        asked.append(octets)
        return bytes(range(octets))

    assert random_cname(random) == "AAECAwQFBgcICQoL"
    assert asked == [12]
