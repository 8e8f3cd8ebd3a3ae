"""When sending has to stop: the peer's reports cease, or say that nothing arrives."""

from __future__ import annotations

from rtcsplit.media.circuit_breaker import CircuitBreaker


def test_three_missing_report_intervals_withhold_media() -> None:
    """F34: n - 1, n; a report of any kind ends it."""
    circuit = CircuitBreaker(3)
    circuit.note_heard(100.0)
    assert [circuit.withholds(100.0 + t) for t in (0.0, 14.9, 15.0, 60.0)] == [False, False, True, True]
    circuit.note_heard(161.0)
    assert not circuit.withholds(161.0)
    assert circuit.packets_withheld == 2


def test_peer_that_never_reported_is_not_waited_for() -> None:
    """F34: a deviation; consent still bounds it."""
    assert not CircuitBreaker(3).is_open(1e6)


def test_number_of_intervals_is_configured_and_0_is_never() -> None:
    """F34."""
    patient, never = CircuitBreaker(6), CircuitBreaker(0)
    for circuit in (patient, never):
        circuit.note_heard(0.0)
        for _ in range(20):
            circuit.note_report(1, 100 + _, 0.0)
    assert [never.is_open(t) for t in (15.0, 1e6)] == [False, False]
    patient = CircuitBreaker(6)
    patient.note_heard(0.0)
    assert [patient.is_open(t) for t in (29.9, 30.0)] == [False, True]


def test_three_reports_without_progress_withhold_media_for_a_while() -> None:
    """F34 (RFC 8083 section 4.1): then it is tried again, and progress ends it at once."""
    circuit = CircuitBreaker(3)
    for n in range(4):
        circuit.note_heard(5.0 * n)
        circuit.note_report(77, 250 * n, 5.0 * n)
    assert circuit.is_open(15.0)
    circuit.note_heard(29.0)
    assert circuit.is_open(29.9)
    assert not circuit.is_open(30.0)
    circuit.note_report(78, 1_000, 16.0)
    assert not circuit.is_open(16.0)


def test_reports_during_our_silence_are_no_lack_of_progress() -> None:
    """F34: with discontinuous transmission nothing is sent, so nothing arrives."""
    circuit = CircuitBreaker(3)
    for n in range(10):
        circuit.note_heard(5.0 * n)
        circuit.note_report(77, 250, 5.0 * n)
    assert not circuit.is_open(45.0)


def test_reports_in_quick_succession_are_no_three_intervals() -> None:
    """F34: some peers report each second, and with every NACK; three reports are three intervals all the same."""
    circuit = CircuitBreaker(3)
    circuit.note_report(77, 0, 0.0)
    for tenths in range(1, 76):
        assert not circuit.is_open(tenths / 10)
        circuit.note_report(77, 5 * tenths, tenths / 10)
    assert circuit.is_open(7.5)
