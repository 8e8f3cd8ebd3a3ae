"""Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1): which packet came when.

Time runs in ticks of 250 us. A message holds a base, a count, and for each of so many sequence numbers a symbol:
not received, or received with a delta of one or two octets to the packet received before it in sequence. Symbols are
packed into chunks, a run of one symbol or a vector of 14 or 7.

Lost packets are not listed, so what a message takes in memory is bounded by its own length, whatever its count says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import UsageError

__all__ = [
    "MAX_DELTA",
    "TICKS_PER_REFERENCE",
    "TICKS_PER_SECOND",
    "TRANSPORT_SEQUENCE_URI",
    "Arrival",
    "TransportFeedback",
    "build_transport_feedback",
    "parse_transport_feedback",
]

TRANSPORT_SEQUENCE_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
TICKS_PER_SECOND = 4_000
TICKS_PER_REFERENCE = 256  # 64 ms
MAX_DELTA = 0x7FFF  # ticks; 8.19 s

_HEAD = struct.Struct(">HHI")
_MAX_RUN = 0x1FFF
_MAX_PADDING = 3
_NOT_RECEIVED, _SMALL, _LARGE = 0, 1, 2
_VECTOR, _TWO_BIT = 0x8000, 0x4000


class Arrival(NamedTuple):
    """One packet that was received.

    Attributes:
        sequence_number: transport-wide, 0..65535.
        ticks: when it came, on the clock of the reference time.
    """

    sequence_number: int
    ticks: int


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """One message.

    Attributes:
        base: sequence number that it begins with.
        count: sequence numbers that it speaks of, 1..65535; those without an arrival were not received.
        reference_time: 0..2^24-1, in units of 64 ms: where its clock stands.
        number: of the message, 0..255.
        arrivals: in the order of sequence numbers.
    """

    base: int
    count: int
    reference_time: int
    number: int
    arrivals: tuple[Arrival, ...]


def parse_transport_feedback(control_information: bytes) -> TransportFeedback | None:
    """Return what a message says, or None where it is none.

    That is where chunks cover less or more than the count, where a delta leaves the message, where more than padding
    is left over, and where a symbol is reserved or a run empty.
    """
    if len(control_information) < _HEAD.size:
        return None
    base, count, reference = _HEAD.unpack_from(control_information)
    received = _read_chunks(control_information, count) if count else None
    if received is None:
        return None
    offset, symbols = received
    ticks = (reference >> 8) * TICKS_PER_REFERENCE
    arrivals = []
    for index, size in symbols:
        octets = control_information[offset : offset + size]
        if len(octets) < size:
            return None
        ticks += int.from_bytes(octets, "big", signed=size == _LARGE)
        arrivals.append(Arrival((base + index) & 0xFFFF, ticks))
        offset += size
    if len(control_information) - offset > _MAX_PADDING:
        return None
    return TransportFeedback(base, count, reference >> 8, reference & 0xFF, tuple(arrivals))


def _read_chunks(octets: bytes, count: int) -> tuple[int, list[tuple[int, int]]] | None:
    """Return where the deltas begin, and of each received packet its index and the octets of its delta.

    The symbol of a received packet is just that number of octets.
    """
    received: list[tuple[int, int]] = []
    index, offset = 0, _HEAD.size
    while index < count:
        if len(octets) - offset < 2:
            return None
        chunk = int.from_bytes(octets[offset : offset + 2], "big")
        offset += 2
        if chunk & _VECTOR:
            for symbol in _vector(chunk):
                if symbol and (symbol > _LARGE or index >= count):
                    return None
                if symbol:
                    received.append((index, symbol))
                index += 1
            continue
        symbol, run = chunk >> 13, chunk & _MAX_RUN
        # The message has to hold a delta for each: else a run of 8,191 would cost more than it weighs.
        if run == 0 or run > count - index or symbol > _LARGE or (symbol and run > len(octets)):
            return None
        if symbol:
            received += [(index + n, symbol) for n in range(run)]
        index += run
    return offset, received


def _vector(chunk: int) -> list[int]:
    if chunk & _TWO_BIT:
        return [chunk >> shift & 3 for shift in range(12, -2, -2)]
    return [chunk >> shift & 1 for shift in range(13, -1, -1)]


def build_transport_feedback(feedback: TransportFeedback) -> bytes:
    """Return the control information of a message, padded with zeros to words.

    Raises:
        UsageError: a field is out of range, arrivals leave the count or are not in order, or two of them are farther
            apart than a delta can say.
    """
    symbols = [_NOT_RECEIVED] * feedback.count
    deltas = bytearray()
    latest, ticks = -1, feedback.reference_time * TICKS_PER_REFERENCE
    for arrival in feedback.arrivals:
        index = (arrival.sequence_number - feedback.base) & 0xFFFF
        delta, ticks = arrival.ticks - ticks, arrival.ticks
        if not latest < index < feedback.count or not -MAX_DELTA - 1 <= delta <= MAX_DELTA:
            raise UsageError("an arrival out of order, beyond the count, or too far from the one before it")
        symbols[index] = size = _SMALL if 0 <= delta <= 0xFF else _LARGE
        deltas += delta.to_bytes(size, "big", signed=size == _LARGE)
        latest = index
    try:
        head = _HEAD.pack(feedback.base, feedback.count, feedback.reference_time << 8 | feedback.number)
    except struct.error as error:
        raise UsageError(f"transport-wide feedback out of range: {error}") from None
    if not feedback.count or not 0 <= feedback.number <= 0xFF:
        raise UsageError("transport-wide feedback has a count of 1 or more and a number within 0..255")
    body = head + b"".join(chunk.to_bytes(2, "big") for chunk in _chunks(symbols)) + deltas
    return body + bytes(-len(body) % 4)


def _chunks(symbols: Sequence[int]) -> Iterator[int]:
    """Yield the chunks of symbols: a run where it covers at least what a vector would."""
    index = 0
    while index < len(symbols):
        symbol, run = symbols[index], _run(symbols, index)
        one_bit, two_bit = symbols[index : index + 14], symbols[index : index + 7]
        if run >= len(one_bit) or (run >= len(two_bit) and _LARGE in one_bit):
            yield symbol << 13 | run
            index += run
        elif _LARGE not in one_bit:
            yield _VECTOR | sum(symbol << 13 - n for n, symbol in enumerate(one_bit))
            index += len(one_bit)
        else:
            yield _VECTOR | _TWO_BIT | sum(symbol << 12 - 2 * n for n, symbol in enumerate(two_bit))
            index += len(two_bit)


def _run(symbols: Sequence[int], index: int) -> int:
    end = index + 1
    while end < len(symbols) and end - index < _MAX_RUN and symbols[end] == symbols[index]:
        end += 1
    return end - index
