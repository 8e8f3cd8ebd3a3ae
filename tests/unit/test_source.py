"""One inbound source on virtual time: sequence, loss and jitter by the letter of RFC 3550 appendix A."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rtcsplit.media.source import InboundSource, clamp_lost
from rtcsplit.wire import rtcp
from rtcsplit.wire.rtcp import ReceptionReport

CLOCK = 48_000
STEP = 960
START = 1000.0


def heard(first: int = 100, *, at: float = START) -> InboundSource:
    """A source whose first packet has sequence number ``first``."""
    source = InboundSource(7, first & 0xFFFF, CLOCK, at)
    assert source.receive(first & 0xFFFF, 0, 100, CLOCK, at)
    return source


def feed(source: InboundSource, numbers: Iterable[int]) -> list[bool]:
    return [source.receive(number & 0xFFFF, number * STEP & 0xFFFFFFFF, 100, CLOCK, START) for number in numbers]


def report(source: InboundSource, now: float = START) -> ReceptionReport:
    block = source.report(now)
    assert block is not None
    return block


def test_new_source_counts_from_its_first_packet() -> None:
    """F3: whatever follows it in which order; only far jumps have to be confirmed."""
    source = InboundSource(7, 10, CLOCK, START)
    assert feed(source, [10, 12, 14, 13, 15]) == [True] * 5
    assert source.packets_received == 5
    assert report(source).packets_lost == 1


@pytest.mark.parametrize("first", [0, 1, 65_535])
def test_first_packet_may_have_any_number(first: int) -> None:
    """F3: no cycle is counted where the numbers begin at their wrap."""
    source = InboundSource(7, first, CLOCK, START)
    assert feed(source, [first]) == [True]
    block = report(source)
    assert (block.highest_sequence, block.packets_lost) == (first, 0)


def test_probation_after_bye_ends_across_the_wrap_of_sequence_numbers() -> None:
    """F3: 65,535 and 0 are in sequence, which the C of appendix A.1 misses."""
    source = heard(100)
    source.depart(START)
    assert feed(source, [65535, 0]) == [False, True]


def test_one_packet_after_bye_revives_nothing_and_its_successor_does() -> None:
    """F3, F13: though it is the very next one."""
    source = heard(100)
    source.depart(START)
    assert feed(source, [101, 102]) == [False, True]


@pytest.mark.parametrize(
    ("jump", "counts"),
    [(1, True), (2999, True), (3000, False), (3001, False), (-99, True), (-100, False), (-101, False)],
)
def test_jump_counts_within_dropout_and_misorder(jump: int, counts: bool) -> None:
    """F3: MAX_DROPOUT 3,000 and MAX_MISORDER 100 at their bounds."""
    source = heard(20_000)
    assert feed(source, [20_000 + jump]) == [counts]
    assert source.packets_received == 1 + counts


def test_second_packet_behind_a_far_jump_restarts_the_source() -> None:
    """F3: +3,001 twice in sequence is a restart; nothing is counted as lost by it."""
    source = heard(20_000)
    assert feed(source, [20_001, 23_002, 23_003, 23_004]) == [True, False, True, True]
    assert source.packets_received == 4
    assert source.packets_lost == 0
    assert report(source).highest_sequence == 23_004


def test_single_far_packet_changes_nothing() -> None:
    """F3: the stream goes on where it was."""
    source = heard(20_000)
    assert feed(source, [30_000, 20_001, 30_002, 20_002]) == [False, True, False, True]
    assert report(source).highest_sequence == 20_002
    assert source.packets_lost == 0


def test_extended_highest_sequence_counts_three_wraps_with_reordering() -> None:
    """F4: cycles * 65,536 + highest, with every group of four packets reversed."""
    source = heard(65_000)
    numbers = list(range(65_001, 65_000 + 3 * 65_536 + 1))
    for start in range(0, len(numbers), 4):
        assert all(feed(source, reversed(numbers[start : start + 4])))
    block = report(source)
    assert block.highest_sequence == 65_000 + 3 * 65_536
    assert block.packets_lost == 0
    assert source.packets_received == 3 * 65_536 + 1


def test_late_packet_from_before_a_wrap_adds_no_cycle() -> None:
    """F4."""
    source = heard(65_533)
    assert all(feed(source, [65_534, 0, 65_535, 1]))
    assert report(source).highest_sequence == 65_536 + 1


# Arrival of packet n less n * 20 ms, in ms, and the jitter that appendix A.8 gives after it, in timestamp units times
# 16: J += |D| - ((J + 8) >> 4), worked out by hand.
ARRIVALS = [
    (0, 0),
    (5, 240),  # D = 240
    (5, 225),  # D = 0: 225 = 240 - (248 >> 4)
    (0, 451),  # D = -240: 225 + 240 - (233 >> 4)
    (10, 903),  # D = 480: 451 + 480 - (459 >> 4) = 931 - 28
    (10, 847),  # 903 - (911 >> 4) = 903 - 56
    (2, 1178),  # D = -384: 847 + 384 - (855 >> 4) = 1231 - 53
]


def test_jitter_is_exact_for_a_fixed_arrival_table() -> None:
    """F5: the integer form of appendix A.8, in timestamp units; the report carries a sixteenth."""
    source = InboundSource(7, 100, CLOCK, START)
    for number, (late_ms, expected) in enumerate(ARRIVALS):
        timestamp = (0xFFFFFFFF - STEP + number * STEP) & 0xFFFFFFFF  # wraps between the second and the third
        source.receive(100 + number, timestamp, 100, CLOCK, START + number * 0.02 + late_ms / 1000)
        block = source.report(START + 1)
        assert block is not None
        assert block.jitter == expected >> 4, number
    assert source.jitter == (1178 >> 4) / CLOCK


def test_jitter_beyond_its_field_is_as_much_as_the_field_holds() -> None:
    """F5: a peer may send any timestamps, and change to a clock that has six times as many units."""
    source = InboundSource(7, 0, 8_000, START)
    for number in range(400):
        assert source.receive(number, 0x7FFF_FFFF * (number % 2), 160, 8_000, START)
    assert source.receive(400, 0, 160, CLOCK, START)
    block = report(source)
    assert block.jitter == 0xFFFF_FFFF
    assert rtcp.build([rtcp.ReceiverReport(1, (block,))])


def test_jitter_starts_afresh_when_the_clock_rate_changes() -> None:
    """F5: two clocks cannot be compared (RFC 7160 section 4.1); the value keeps its seconds."""
    source = heard()
    source.receive(101, STEP, 100, CLOCK, START + 0.025)
    before = source.jitter
    assert before > 0
    source.receive(102, 123_456_789, 160, 8000, START + 0.045)
    assert source.jitter == pytest.approx(before, abs=1 / 8000)


def test_duplicates_make_the_cumulative_loss_negative() -> None:
    """F6: 10 lost and 15 duplicates are -5 in all; the fraction of the interval is then 0."""
    source = heard(1000)
    assert all(feed(source, range(1011, 1031)))
    assert report(source).packets_lost == 10
    assert all(feed(source, [1030] * 15))
    block = report(source)
    assert block.packets_lost == -5
    assert block.fraction_lost == 0
    assert source.packets_lost == -5


def test_fraction_lost_is_of_the_interval_alone() -> None:
    """F6: 25 of 100 lost, then none, then 3 of 4."""
    source = heard(1000)
    report(source)
    feed(source, [number for number in range(1001, 1101) if number % 4])
    feed(source, [1100])  # the last of the interval arrives after all
    block = report(source)
    assert (block.fraction_lost, block.packets_lost) == ((24 << 8) // 100, 24)
    feed(source, range(1101, 1201))
    assert report(source).fraction_lost == 0
    feed(source, [1204])
    assert report(source).fraction_lost == (3 << 8) // 4


@pytest.mark.parametrize(("lost", "reported"), [(1 << 24, (1 << 23) - 1), ((1 << 23) - 1, (1 << 23) - 1), (100, 100)])
def test_positive_loss_is_clamped_to_24_bits(lost: int, reported: int) -> None:
    """F6: gaps of at most 2,999 packets add up beyond the field; the statistics keep the whole number."""
    source = heard(0)
    number = 0
    while lost:
        gap = min(lost, 2_998)
        number += gap + 1
        lost -= gap
        assert feed(source, [number]) == [True]
    assert report(source).packets_lost == reported


def test_loss_is_clamped_at_both_ends_of_its_field() -> None:
    """F6: boundaries of a signed number of 24 bits."""
    low, high = -(1 << 23), (1 << 23) - 1
    assert [clamp_lost(n) for n in (low - 1, low, 0, high, high + 1)] == [low, low, 0, high, high]


def test_source_without_packets_in_the_interval_is_not_reported() -> None:
    """RFC 3550 section 6.4: blocks are for sources heard since the last report."""
    source = heard()
    report(source)
    assert source.report(START + 5) is None


def test_report_carries_lsr_and_dlsr_of_the_latest_sender_report() -> None:
    """F8: both 0 before the first SR; then the middle bits of its NTP time and the delay in 1/65,536 s."""
    source = heard()
    block = report(source)
    assert (block.last_sr, block.delay_since_last_sr) == (0, 0)
    source.note_sender_report(0x1122334455667788, START + 1)
    feed(source, [101])
    block = report(source, START + 1 + 5.25)
    assert block.last_sr == 0x33445566
    assert block.delay_since_last_sr == int(5.25 * 65536)


def test_gap_of_discontinuous_transmission_is_no_loss() -> None:
    """F19: 400 ms of silence: the sequence goes on, the timestamp jumps, a packet of one octet is a packet."""
    source = heard(100)
    for number, at_ms in enumerate((20, 40, 440, 460), start=1):
        assert source.receive(100 + number, at_ms * 48, 1, CLOCK, START + at_ms / 1000)
    block = report(source)
    assert (block.packets_lost, block.fraction_lost, block.jitter) == (0, 0, 0)
    assert source.octets_received == 100 + 4


def test_source_has_to_prove_itself_again_after_bye() -> None:
    """F13: a late packet revives nothing; two in sequence do, and the totals go on."""
    source = heard(100)
    feed(source, [101, 103])
    source.depart(START + 1)
    assert not source.is_valid
    assert source.report(START + 1) is None
    assert feed(source, [102, 104]) == [False, False]
    assert source.departed_at == START + 1
    assert feed(source, [105]) == [True]
    assert source.departed_at is None
    assert (source.packets_received, source.packets_lost) == (4, 1)
