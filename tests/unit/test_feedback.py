"""What feedback messages say: NACK and FIR, by the layouts of RFC 4585 and RFC 5104."""

from __future__ import annotations

import random

import pytest
from aiortc import rtp as oracle

from rtcsplit.wire.feedback import FirEntry, build_nack, parse_fir, parse_nack
from rtcsplit.wire.rtcp import Feedback, PacketType, build


def test_17_losses_take_one_item() -> None:
    """F26: PID and a mask of the 16 that follow; the 18th begins another item."""
    assert build_nack(range(100, 117)) == bytes.fromhex("0064ffff")
    assert build_nack(range(100, 118)) == bytes.fromhex("0064ffff00750000")
    assert build_nack([7, 9, 23, 24]) == bytes.fromhex("0007800200180000")


def test_items_reach_across_the_wrap() -> None:
    """F26: 16-bit arithmetic in both directions."""
    numbers = [65_534, 65_535, 0, 13]
    assert build_nack(numbers) == bytes.fromhex("fffe4003")
    assert parse_nack(build_nack(numbers)) == tuple(numbers)


def test_repeated_number_is_asked_for_once() -> None:
    assert build_nack([5, 5, 6, 6]) == build_nack([5, 6])


@pytest.mark.parametrize("octets", [b"", b"\0", b"\0\1\0", bytes(5), bytes(7)])
def test_nack_without_whole_items_is_none(octets: bytes) -> None:
    """F26: 0 items are ignored, and so is a length that does not fit."""
    assert parse_nack(octets) is None


@pytest.mark.parametrize("seed", range(30))
def test_nack_agrees_with_aiortc(seed: int) -> None:
    """F26: the same octets for the same losses, and the same losses from them."""
    dice = random.Random(seed)
    first = dice.randrange(60_000)
    numbers = sorted(dice.sample(range(first, first + 200), dice.randint(1, 60)))
    ours = build([Feedback(PacketType.RTPFB, 1, 1, 2, build_nack(numbers))])
    assert ours == bytes(oracle.RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=2, lost=numbers))
    assert oracle.RtcpRtpfbPacket.parse(ours[4:], 1).lost == list(parse_nack(ours[12:]) or ())


def test_fir_has_a_source_and_a_number_per_entry() -> None:
    """F28: 8 octets each, three of them reserved and ignored."""
    octets = bytes.fromhex("11223344ff000000" + "0000000507abcdef")
    assert parse_fir(octets) == (FirEntry(0x11223344, 255), FirEntry(5, 7))


@pytest.mark.parametrize("length", [0, 4, 7, 9, 12])
def test_fir_that_ends_inside_an_entry_is_none(length: int) -> None:
    assert parse_fir(bytes(length)) is None
