"""The repetition of a flight by our own timer (rows C8, D12, D13)."""

from __future__ import annotations

import pytest

from rtcsplit.session.dtls_flights import Flight

FLIGHT = [b"one", b"two"]


def repeats(flight: Flight, until: float) -> list[float]:
    times = []
    while flight.due is not None and flight.due <= until:
        times.append(flight.due)
        assert flight.repeat_when_due(flight.due) == FLIGHT
    return times


def test_nothing_is_due_before_a_flight() -> None:
    flight = Flight()
    assert flight.due is None
    assert flight.repeat(1.0) == flight.repeat_when_due(1.0) == []


def test_flight_is_due_after_50_ms_and_then_ever_later() -> None:
    """C8, D12."""
    flight = Flight()
    flight.send(FLIGHT, 10.0)
    assert flight.repeat_when_due(10.049) == []
    assert repeats(flight, 12.0) == pytest.approx([10.05, 10.15, 10.35, 10.75, 11.55])


def test_repeating_out_of_turn_puts_the_timer_off() -> None:
    """C8: with the answer to a check."""
    flight = Flight()
    flight.send(FLIGHT, 0.0)
    assert flight.repeat(0.04) == FLIGHT
    assert flight.due == pytest.approx(0.09)


def test_settled_flight_is_not_repeated_by_time_or_check() -> None:
    """C8: until the peer's next flight arrives."""
    flight = Flight()
    flight.send(FLIGHT, 0.0)
    flight.settle()
    assert flight.due is None
    assert flight.repeat(5.0) == []
    flight.replace([b"new"], 6.0)
    assert flight.due is None


def test_retransmission_by_openssl_replaces_the_flight_and_keeps_the_interval() -> None:
    """C8."""
    flight = Flight()
    flight.send([b"old"], 0.0)
    flight.repeat_when_due(0.05)
    flight.replace(FLIGHT, 1.0)
    assert repeats(flight, 1.4) == pytest.approx([1.1, 1.3])


def test_next_flight_starts_at_50_ms_again() -> None:
    flight = Flight()
    flight.send([b"old"], 0.0)
    flight.repeat_when_due(0.05)
    flight.send(FLIGHT, 1.0)
    assert flight.due == pytest.approx(1.05)


def test_last_flight_answers_a_repeated_finished_at_most_every_50_ms() -> None:
    """D13."""
    flight = Flight()
    flight.send(FLIGHT, 0.0)
    flight.settle()
    assert [bool(flight.repeat_settled(at)) for at in (0.049, 0.051, 0.06, 0.102, 9.0)] == [
        False, True, False, True, True,
    ]  # fmt: skip
