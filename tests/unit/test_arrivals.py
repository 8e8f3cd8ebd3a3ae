"""What transport-wide feedback reports, and when."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from rtcsplit._native.arrivals import NativeArrivals
from rtcsplit.wire.transport_feedback import (
    TICKS_PER_REFERENCE,
    TransportFeedback,
    build_transport_feedback,
    parse_transport_feedback,
)

INTERVAL, MEMORY = 0.2, 0.5
SSRC = 9


def statuses(message: TransportFeedback) -> dict[int, int | None]:
    """Ticks after the reference time by sequence number, None for what is reported lost."""
    reported: dict[int, int | None] = {(message.base + n) & 0xFFFF: None for n in range(message.count)}
    reference = message.reference_time * TICKS_PER_REFERENCE
    return reported | {arrival.sequence_number: arrival.ticks - reference for arrival in message.arrivals}


def taken(log: NativeArrivals, now: float | None = None) -> list[TransportFeedback]:
    """What it says, in the same octets as Python would."""
    due = log.due if now is None else now
    assert due is not None
    messages = []
    for octets in log.take(due):
        message = parse_transport_feedback(octets)
        assert message is not None
        assert build_transport_feedback(message) == octets
        messages.append(message)
    return messages


def test_feedback_leaves_every_50_to_250_ms() -> None:
    """F31: 50 packets a second for a minute."""
    log = NativeArrivals()
    sent = []
    for n in range(3_000):
        now = 5.0 + n * 0.02
        while log.due is not None and log.due <= now:
            sent.append(log.due)
            taken(log)
        log.note(n & 0xFFFF, SSRC, now)
    distances = [later - earlier for earlier, later in pairwise(sent)]
    assert min(distances) >= 0.05
    assert max(distances) <= 0.25


def test_idle_transport_sends_nothing() -> None:
    log = NativeArrivals()
    assert log.due is None
    log.note(1, SSRC, 0.0)
    assert log.due == INTERVAL
    taken(log)
    assert log.due is None


def test_lost_and_received_packets_are_told_apart() -> None:
    """F31: times to 250 us, from a reference of 64 ms; the wrap of sequence numbers."""
    log = NativeArrivals()
    for number, at in ((65_534, 0.640), (0, 0.661), (3, 0.7)):
        log.note(number, SSRC, at)
    (message,) = taken(log)
    assert message.reference_time == 10
    assert statuses(message) == {65_534: 0, 65_535: None, 0: 84, 1: None, 2: None, 3: 240}


def test_messages_join_each_other_and_are_counted() -> None:
    """F31: what is lost between two messages is in the second one; the count wraps at 8 bits."""
    log = NativeArrivals()
    messages = []
    for n in range(300):
        log.note(3 * n, SSRC, n * 1.0)
        messages += taken(log)
    assert [message.number for message in messages] == [n & 0xFF for n in range(300)]
    assert statuses(messages[0]) == {0: 0}
    assert [list(statuses(message).values()).count(None) for message in messages[1:]] == [2] * 299


def test_reordered_packets_are_reported_in_their_place() -> None:
    """F31: with a negative delta."""
    log = NativeArrivals()
    for number, at in ((10, 0.064), (12, 0.068), (11, 0.072), (11, 0.090)):
        log.note(number, SSRC, at)
    (message,) = taken(log)
    assert statuses(message) == {10: 0, 11: 32, 12: 16}


def test_packet_that_comes_after_it_was_reported_lost_is_reported_again() -> None:
    """F31: with all that followed it."""
    log = NativeArrivals()
    for number in (10, 12, 13):
        log.note(number, SSRC, 0.064)
    taken(log)
    log.note(11, SSRC, 0.3)
    log.note(14, SSRC, 0.31)
    (message,) = taken(log)
    assert message.base == 11
    assert [number for number, at in statuses(message).items() if at is not None] == [11, 12, 13, 14]


def test_packet_that_comes_too_late_changes_nothing() -> None:
    """F31: what followed it is forgotten, and must not be reported lost for its sake."""
    log = NativeArrivals()
    for number in (10, 12):
        log.note(number, SSRC, 0.0)
    taken(log)
    for n in range(100):
        log.note(13 + n, SSRC, 0.3 + n * 0.02)
        if log.due is not None and log.due <= 0.3 + n * 0.02:
            taken(log)
    if log.due is not None:
        taken(log)
    log.note(11, SSRC, 0.3 + 2.0 + MEMORY)
    assert log.due is None


def test_flood_is_bounded() -> None:
    """T23: 100,000 packets in a second."""
    log = NativeArrivals()
    messages = 0
    for n in range(100_000):
        now = n / 100_000
        if log.due is not None and log.due <= now:
            messages += len(taken(log, now))
        log.note(n & 0xFFFF, SSRC, now)
    assert messages <= 80


def test_stall_is_told_in_messages_of_their_own() -> None:
    """A delta holds 8.19 s: arrivals farther apart, which only a stalled loop can bring, take two messages."""
    log = NativeArrivals()
    log.note(1, SSRC, 0.0)
    log.note(2, SSRC, 9.0)
    assert [statuses(message) for message in taken(log, 9.1)] == [{1: 0}, {2: 36_000 % 256}]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_is_reported_as_it_came(seed: int) -> None:
    """F31: loss, reordering within 100 ms and duplicates; the last word on each packet is right."""
    dice = random.Random(seed)
    start = dice.randrange(65_536)
    sent = [(start + n, 0.02 * n) for n in range(500)]
    arrivals = sorted(
        (at + dice.choice((0.0, 0.0, 0.1)) * dice.random(), number)
        for number, at in sent
        for _ in range(dice.choices((0, 1, 2), (2, 17, 1))[0])
    )
    log, last_word = NativeArrivals(), {}
    for at, number in arrivals:
        if log.due is not None and log.due <= at:
            for message in taken(log):
                last_word.update(statuses(message))
        log.note(number & 0xFFFF, SSRC, at)
    for message in taken(log):
        last_word.update(statuses(message))
    received = {number & 0xFFFF for _, number in arrivals}
    assert {number for number, at in last_word.items() if at is not None} == received
