"""Where the listener is in what was sent."""

from __future__ import annotations

import pytest

from rtcsplit.media.heard import MAX_RUNS, Heard, HeardPosition


def test_two_segments_are_told_apart() -> None:
    position = HeardPosition()
    position.depart("a", 0.0, 1.0, 10.0)
    position.depart("b", 0.0, 1.0, 11.0)
    lag = position.lag
    assert position.heard(10.0 + lag - 0.001) is None
    assert position.heard(10.5 + lag) == Heard("a", pytest.approx(0.5))  # type: ignore[arg-type]
    assert position.heard(11.25 + lag) == Heard("b", pytest.approx(0.25))  # type: ignore[arg-type]
    assert position.heard(99.0) == Heard("b", pytest.approx(1.0))  # type: ignore[arg-type]


def test_the_position_stands_still_during_a_pause() -> None:
    position = HeardPosition()
    for n in range(10):
        position.depart("a", n * 0.02, 0.02, 10.0 + n * 0.02)
    position.depart("a", 0.2, 0.02, 12.0)
    assert position.heard(11.0 + position.lag) == Heard("a", pytest.approx(0.2))  # type: ignore[arg-type]
    assert position.heard(13.0) == Heard("a", pytest.approx(0.22))  # type: ignore[arg-type]


def test_a_longer_way_and_more_jitter_make_it_later() -> None:
    position = HeardPosition()
    before = position.lag
    position.report(0.2, 0.02, 0.0, 10.0)
    assert position.lag == pytest.approx(0.1 + 0.07 + 5 * 0.02)
    position.report(None, 0.0, 0.0, 11.0)
    assert position.lag == pytest.approx(before)


def test_memory_is_bounded() -> None:
    """A pause after every packet: the oldest runs are forgotten, in time or by number; the latest are right."""
    position = HeardPosition()
    for n in range(10_000):
        position.depart("a", n * 0.02, 0.02, float(n))
    assert len(position._runs) <= 12
    assert position.heard(1e6) == Heard("a", pytest.approx(200.0))  # type: ignore[arg-type]
    for n in range(10_000):
        position.depart("b", n * 1.0, 0.02, 20_000.0 + n * 0.001)
    assert len(position._runs) == MAX_RUNS
