"""RTP packets: header bounds, padding, and the walk over RTCP."""

from __future__ import annotations

import pytest

from rtcsplit._native.rtp import MAX_RTCP_MEMBERS, RtcpMember, walk_rtcp
from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.wire.rtp import RtpPacket, build, parse

FIXED = bytes.fromhex("80e0 0102 03040506 0708090a".replace(" ", ""))
FULL = RtpPacket(
    payload_type=111,
    sequence_number=65535,
    timestamp=2**32 - 1,
    ssrc=1,
    payload=b"payload",
    marker=True,
    csrcs=(5, 2**32 - 1),
    extension_profile=0xBEDE,
    extension=b"\x10\xff\x00\x00",
    padding=5,
)


def changed(packet: bytes, **octets: int) -> bytes:
    """``packet`` with octet N replaced where a keyword ``oN`` says so."""
    copy = bytearray(packet)
    for name, value in octets.items():
        copy[int(name[1:])] = value
    return bytes(copy)


def test_fixed_header_is_read_field_by_field() -> None:
    """F1 (RFC 3550 section 5.1)."""
    assert parse(FIXED + b"xyz") == RtpPacket(96, 0x0102, 0x03040506, 0x0708090A, b"xyz", marker=True)


def test_packet_with_everything_there_and_back() -> None:
    """F1."""
    octets = build(FULL)
    assert octets[:2] == bytes([0b10_1_1_0010, 0xEF])
    assert octets[-5:] == b"\0\0\0\0\5"
    assert parse(octets) == FULL


def test_every_truncation_of_the_header_is_refused() -> None:
    """F1: the truncation twin; without padding, each cut behind the header is a shorter payload."""
    octets = build(FULL._replace(padding=0))
    header_length = len(octets) - len(FULL.payload)
    found = [parse(octets[:size]) for size in range(len(octets))]
    assert set(found[:12]) == {DropReason.TOO_SHORT}
    assert set(found[12:header_length]) == {DropReason.RTP_MALFORMED}
    assert [packet.payload for packet in found[header_length:] if isinstance(packet, RtpPacket)] == [
        FULL.payload[:size] for size in range(len(FULL.payload))
    ]


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(changed(FIXED, o0=0x40), id="version 1"),
        pytest.param(changed(FIXED, o0=0xC0), id="version 3"),
        pytest.param(changed(FIXED, o0=0x8F) + bytes(8), id="CSRC count 15 with 20 octets"),
        pytest.param(changed(FIXED, o0=0x90), id="extension without its header"),
        pytest.param(changed(FIXED, o0=0x90) + bytes(3), id="extension header cut"),
        pytest.param(changed(FIXED, o0=0x90) + b"\xbe\xde\x00\x02" + bytes(4), id="extension past the end"),
        pytest.param(changed(FIXED, o0=0x90) + b"\xbe\xde\xff\xff" + bytes(1200), id="extension of 262,140 octets"),
        pytest.param(changed(FIXED, o0=0xA0), id="padding without room"),
        pytest.param(changed(FIXED, o0=0xA0) + b"\x00", id="padding 0"),
        pytest.param(changed(FIXED, o0=0xA0) + b"abc\x05", id="padding beyond the payload"),
        pytest.param(changed(FIXED, o0=0xA0) + bytes(99) + b"\xff", id="padding 255 of 100"),
    ],
)
def test_fields_that_leave_the_packet_are_malformed(packet: bytes) -> None:
    """F1 (RFC 3550 appendix A.1)."""
    assert parse(packet) is DropReason.RTP_MALFORMED


@pytest.mark.parametrize("size", [1, 2, 100, 255])
def test_padding_only_packets_are_legal(size: int) -> None:
    """F2 (RFC 3550 section 5.1): as bandwidth probes are."""
    packet = parse(changed(FIXED, o0=0xA0) + bytes(size - 1) + bytes([size]))
    assert isinstance(packet, RtpPacket)
    assert (packet.payload, packet.padding) == (b"", size)


@pytest.mark.parametrize(
    "packet",
    [
        FULL._replace(payload_type=128),
        FULL._replace(sequence_number=65536),
        FULL._replace(timestamp=-1),
        FULL._replace(ssrc=2**32),
        FULL._replace(csrcs=(0,) * 16),
        FULL._replace(csrcs=(-1,)),
        FULL._replace(padding=256),
        FULL._replace(extension=b"123"),
        FULL._replace(extension=bytes(4 * 65536)),
        FULL._replace(extension_profile=None),
        FULL._replace(extension_profile=65536),
    ],
)
def test_what_cannot_be_said_is_a_usage_error(packet: RtpPacket) -> None:
    with pytest.raises(UsageError):
        build(packet)


RECEIVER_REPORT = bytes.fromhex("80c90001 00000001".replace(" ", ""))
BYE = bytes.fromhex("81cb0001 00000001".replace(" ", ""))


def test_rtcp_walk_finds_each_member() -> None:
    """F10, the walk (RFC 3550 appendix A.2); a single member is reduced-size RTCP (RFC 5506)."""
    assert walk_rtcp(RECEIVER_REPORT + BYE) == (RtcpMember(0, 8, 201, 0), RtcpMember(8, 8, 203, 1))
    assert walk_rtcp(BYE) == (RtcpMember(0, 8, 203, 1),)


def test_rtcp_padding_is_taken_off_the_last_member_only() -> None:
    """F10 (RFC 3550 section 6.4.1)."""
    padded = changed(BYE, o0=0xA1, o3=2) + b"\0\0\0\4"
    assert walk_rtcp(RECEIVER_REPORT + padded) == (RtcpMember(0, 8, 201, 0), RtcpMember(8, 8, 203, 1))
    assert walk_rtcp(padded + RECEIVER_REPORT) is DropReason.RTCP_MALFORMED
    for count in (0, 9, 12, 255):
        assert walk_rtcp(padded[:-1] + bytes([count])) is DropReason.RTCP_MALFORMED, count


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(changed(BYE, o0=0x41), id="version 1"),
        pytest.param(changed(BYE, o2=0xFF, o3=0xFF), id="length 0xFFFF"),
        pytest.param(BYE[:-1], id="cut"),
        pytest.param(RECEIVER_REPORT + BYE[:3], id="octets left over"),
        pytest.param(bytes.fromhex("80c80000") * 350, id="1,400 octets of members of 4"),
        pytest.param(bytes.fromhex("80c80000") * (MAX_RTCP_MEMBERS + 1), id="one member too many"),
    ],
)
def test_rtcp_that_does_not_add_up_is_malformed(datagram: bytes) -> None:
    """F10: bounded by the number of members, whatever their lengths say."""
    assert walk_rtcp(datagram) is DropReason.RTCP_MALFORMED


def test_rtcp_walk_has_room_for_64_members() -> None:
    """F10: n - 1 and n; less than one header is too short."""
    assert len(walk_rtcp(bytes.fromhex("80c80000") * MAX_RTCP_MEMBERS)) == MAX_RTCP_MEMBERS  # type: ignore[arg-type]
    assert {walk_rtcp(BYE[:size]) for size in range(4)} == {DropReason.TOO_SHORT}
