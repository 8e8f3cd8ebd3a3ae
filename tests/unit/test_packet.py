"""First octets and smallest lengths: what a datagram is before anything in it is read."""

from __future__ import annotations

import struct

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.wire.packet import Kind, classify

COOKIE = 0x2112A442


def stun_header(*, message_type: int = 1, length: int = 0, cookie: int = COOKIE) -> bytes:
    return struct.pack("!HHI12x", message_type, length, cookie)


def datagram(first: int, second: int, size: int) -> bytes:
    """``size`` octets that would be a datagram of the first octet's class if they are enough."""
    octets = bytearray(struct.pack("!BBHI", first, second, max(size - 20, 0) & 0xFFFF, COOKIE) + bytes(64))
    return bytes(octets[:size])


def expected_kind(first: int) -> Kind | DropReason:
    if first <= 3:
        return Kind.STUN
    if 20 <= first <= 63:
        return Kind.DTLS
    return Kind.RTP if 128 <= first <= 191 else DropReason.FIRST_OCTET


def test_each_first_octet_reaches_its_handler_or_none() -> None:
    """A1 (RFC 7983 section 7, RFC 9443 section 3): 112 values are carried, 144 are dropped."""
    found = {first: classify(datagram(first, 0, 20)) for first in range(256)}
    assert found == {first: expected_kind(first) for first in range(256)}
    assert sum(isinstance(kind, Kind) for kind in found.values()) == 112


@pytest.mark.parametrize(
    ("first", "second", "least"),
    [(0, 1, 20), (22, 254, 13), (128, 96, 12), (128, 200, 8)],
    ids=["stun", "dtls", "rtp", "rtcp"],
)
def test_datagrams_below_the_smallest_of_their_kind_are_too_short(first: int, second: int, least: int) -> None:
    """A2: lengths 0..64 of each class."""
    wrong = [
        size
        for size in range(65)
        if (classify(datagram(first, second, size)) is DropReason.TOO_SHORT) is not (size < least)
    ]
    assert not wrong


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(stun_header(cookie=COOKIE ^ 1), id="wrong cookie"),
        pytest.param(stun_header(length=4), id="length + 4"),
        pytest.param(stun_header(length=0) + bytes(4), id="length - 4"),
        pytest.param(stun_header(length=3) + bytes(3), id="length 3"),
        pytest.param(stun_header(length=0xFFFC), id="length of a whole datagram"),
        pytest.param(stun_header(cookie=0), id="RFC 3489, without cookie (B19)"),
    ],
)
def test_stun_range_without_stun_header_is_malformed(message: bytes) -> None:
    """A3 (RFC 8489 sections 5, 6.3)."""
    assert classify(message) is DropReason.STUN_MALFORMED
    assert classify(stun_header()) is Kind.STUN


@pytest.mark.parametrize(
    ("second", "kind"), [(191, Kind.RTP), (192, Kind.RTCP), (200, Kind.RTCP), (223, Kind.RTCP), (224, Kind.RTP)]
)
def test_second_octet_parts_rtcp_from_rtp(second: int, kind: Kind) -> None:
    """A4 (RFC 5761 section 4)."""
    assert classify(datagram(0x80, second, 12)) is kind


def test_no_kind_equals_a_drop_reason() -> None:
    assert not any(kind == reason for kind in Kind for reason in DropReason)
