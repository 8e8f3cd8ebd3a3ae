"""Which packets of the peer are asked for, and when."""

from __future__ import annotations

import pytest

from rtcsplit.media.missing_packets import (
    DEFAULT_ROUND_TRIP_TIME,
    MAX_GAP,
    MAX_MISSING,
    MIN_ROUND_TRIP_TIME,
    PATIENCE,
    MissingPackets,
)

SSRC = 7


def watching(*numbers: int, now: float = 0.0) -> MissingPackets:
    missing = MissingPackets(now)
    for number in numbers:
        missing.note(SSRC, number & 0xFFFF, now)
    return missing


def test_stream_without_gaps_asks_for_nothing() -> None:
    missing = watching(*range(65_500, 65_600))
    assert missing.due is None
    assert missing.take(0.05, 0.0) == []


def test_gap_is_asked_for_at_once() -> None:
    """F37: in order, across the wrap."""
    missing = watching(65_533, 65_537)
    assert missing.due == 0.0
    assert missing.take(0.05, 0.0) == [65_534, 65_535, 0]


def test_packet_is_asked_for_once_per_round_trip_until_nobody_waits_for_it() -> None:
    """F37."""
    missing = watching(10, 12)
    asked = []
    while missing.due is not None:
        now = missing.due
        asked += [now for _ in missing.take(0.3, now)]
    assert asked == pytest.approx([0.0, 0.3, 0.6, 0.9])
    assert asked[-1] < PATIENCE
    assert len(missing) == 0


@pytest.mark.parametrize(("measured", "wait"), [(None, DEFAULT_ROUND_TRIP_TIME), (0.0, MIN_ROUND_TRIP_TIME)])
def test_round_trip_has_a_default_and_a_floor(measured: float | None, wait: float) -> None:
    missing = watching(10, 12)
    missing.take(measured, 0.0)
    assert missing.due == wait


def test_packet_that_comes_after_all_is_not_asked_for_again() -> None:
    """F37: reordered, or sent again."""
    missing = watching(10, 13)
    missing.take(0.05, 0.0)
    missing.note(SSRC, 11, 0.01)
    assert missing.take(0.05, 0.05) == [12]
    missing.note(SSRC, 12, 0.06)
    missing.take(0.05, 0.1)
    assert missing.due is None


def test_duplicates_and_late_packets_ask_for_nothing() -> None:
    missing = watching(10, 11, 11, 9, 5, 10)
    assert (missing.due, len(missing)) == (None, 0)


@pytest.mark.parametrize(("step", "expected"), [(MAX_GAP, MAX_GAP - 1), (MAX_GAP + 1, 0)])
def test_outage_is_not_asked_for(step: int, expected: int) -> None:
    """F37: n and n + 1."""
    assert len(watching(100, 100 + step).take(0.05, 0.0)) == expected


def test_asking_has_a_budget() -> None:
    """F37, T23: every second packet missing at 1,000 packets a second."""
    missing = MissingPackets(0.0)
    asked = 0
    for step in range(2_000):
        now = step / 1_000
        missing.note(SSRC, 2 * step & 0xFFFF, now)
        asked += len(missing.take(0.02, now))
        assert len(missing) <= MAX_MISSING
        assert missing.due is None or missing.due > now
    assert asked <= 150  # 50 a second, and as many at once


def test_another_source_begins_anew() -> None:
    missing = watching(10, 12)
    missing.note(SSRC + 1, 500, 0.0)
    assert (missing.ssrc, missing.due, len(missing)) == (SSRC + 1, None, 0)
    missing.note(SSRC + 1, 502, 0.0)
    assert missing.take(0.05, 0.0) == [501]
