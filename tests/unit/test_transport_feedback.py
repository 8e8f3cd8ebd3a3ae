"""Transport-wide feedback: vectors made by hand from draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1."""

from __future__ import annotations

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.wire.transport_feedback import (
    MAX_DELTA,
    Arrival,
    TransportFeedback,
    build_transport_feedback,
    parse_transport_feedback,
)


def feedback(base: int, count: int, *ticks: tuple[int, int], reference: int = 2, number: int = 9) -> TransportFeedback:
    """Arrivals as (sequence number, ticks after the reference time)."""
    arrivals = tuple(Arrival(sequence & 0xFFFF, reference * 256 + at) for sequence, at in ticks)
    return TransportFeedback(base, count, reference, number, arrivals)


HEAD = "{:04x}{:04x}00000209"
VECTORS = {
    "one packet, small delta": (feedback(153, 1, (153, 0x94)), HEAD.format(153, 1) + "2001 94 00"),
    "run of five": (
        feedback(10, 5, *((10 + n, 80 * (n + 1)) for n in range(5))),
        HEAD.format(10, 5) + "2005 5050505050 00",
    ),
    "one-bit vector: 1 0 1 then zeros": (
        feedback(0, 3, (0, 4), (2, 6)),
        HEAD.format(0, 3) + "a800 0402",
    ),
    "two-bit vector: small, large and negative": (
        feedback(372, 2, (372, 240), (373, 192)),
        HEAD.format(372, 2) + "d800 f0 ffd0 000000",
    ),
    "run of large deltas": (
        feedback(1, 7, *((1 + n, 0x100 * (n + 1)) for n in range(7))),
        HEAD.format(1, 7) + "4007" + "0100" * 7,
    ),
    "long run of losses between": (
        feedback(65_535, 9_002, (65_535, 0), (9_000, 1)),
        HEAD.format(65_535, 9_002) + "a000 1fff 031c 2001 0001 0000",
    ),
    "across the wrap": (feedback(65_535, 2, (65_535, 255), (0, 255)), HEAD.format(65_535, 2) + "2002 ff00"),
    "widest deltas": (
        feedback(5, 2, (5, MAX_DELTA), (6, -1)),
        HEAD.format(5, 2) + "4002 7fff8000 0000",
    ),
}


@pytest.mark.parametrize(("message", "octets"), VECTORS.values(), ids=VECTORS)
def test_vector_is_read_and_made(message: TransportFeedback, octets: str) -> None:
    """F30: base, count, reference time of 64 ms, chunks, deltas of 250 us, the 16-bit wrap."""
    assert build_transport_feedback(message) == bytes.fromhex(octets)
    assert parse_transport_feedback(bytes.fromhex(octets)) == message


def test_chunks_of_the_draft_are_read() -> None:
    """F30: the vectors drawn in sections 3.1.3 and 3.1.4, one after the other."""
    one_bit, reserved = "9f1c", "cd50"  # 0 11111 000 111 00, and 00 11: a packet without a delta, which nobody sends
    octets = bytes.fromhex(HEAD.format(0, 235) + "00dd" + one_bit + "01" * 8)
    message = parse_transport_feedback(octets + bytes(-len(octets) % 4))
    assert message is not None
    assert [arrival.sequence_number - 221 for arrival in message.arrivals] == [1, 2, 3, 4, 5, 9, 10, 11]
    assert parse_transport_feedback(bytes.fromhex(HEAD.format(0, 7) + reserved + "01" * 10)) is None


REFUSED = {
    "empty": "",
    "head alone": HEAD.format(0, 1),
    "count 0": HEAD.format(0, 0) + "2001 00 00",
    "count larger than chunks": HEAD.format(0, 3) + "2002",
    "run longer than count": HEAD.format(0, 2) + "2003 000000 00",
    "vector says more than count": HEAD.format(0, 2) + "b800 0000 0000",
    "empty run": HEAD.format(0, 2) + "2000 2002 0000 0000",
    "reserved symbol in a run": HEAD.format(0, 2) + "6002 0000",
    "reserved symbol in a vector": HEAD.format(0, 2) + "f000 0000 0000",
    "deltas past the end": HEAD.format(0, 5) + "2005",
    "large delta cut in two": HEAD.format(0, 1) + "4001 01",
    "more chunks than count": HEAD.format(0, 1) + "2001 2001 2001 2001",
    "8,191 arrivals in two octets": HEAD.format(0, 8_191) + "3fff",
}


@pytest.mark.parametrize("octets", REFUSED.values(), ids=REFUSED)
def test_message_that_contradicts_itself_is_none(octets: str) -> None:
    """F30: count, chunks and deltas have to agree; nothing of such a message counts."""
    assert parse_transport_feedback(bytes.fromhex(octets)) is None


def test_every_truncation_is_refused() -> None:
    """The truncation twin: a message that has no padding is none with any octet less."""
    octets = build_transport_feedback(VECTORS["widest deltas"][0])[:-2]
    assert parse_transport_feedback(octets) is not None
    assert [n for n in range(len(octets)) if parse_transport_feedback(octets[:n]) is not None] == []


@pytest.mark.parametrize(
    "message",
    [
        feedback(0, 2, (1, 0), (0, 1)),
        feedback(0, 2, (0, 0), (0, 1)),
        feedback(0, 2, (2, 0)),
        feedback(0, 2, (0, 0), (1, MAX_DELTA + 1)),
        feedback(0, 2, (0, 0), (1, -MAX_DELTA - 2)),
        feedback(0, 1, reference=1 << 24),
        feedback(0, 1, number=256),
        feedback(0, 1, number=-1),
        feedback(0, 0),
        feedback(0, 1 << 16),
        feedback(-1, 1),
    ],
)
def test_message_that_cannot_be_said_is_a_usage_error(message: TransportFeedback) -> None:
    with pytest.raises(UsageError):
        build_transport_feedback(message)
