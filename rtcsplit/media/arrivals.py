"""When which packet came, for transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2).

A message leaves 200 ms after the first arrival that no message has named, so that an idle call sends none. A packet
that comes after it was reported lost is reported again, with all that followed it.
"""

from __future__ import annotations

from ..wire.transport_feedback import (
    MAX_DELTA,
    TICKS_PER_REFERENCE,
    TICKS_PER_SECOND,
    Arrival,
    TransportFeedback,
)

__all__ = ["ArrivalLog"]

# All ours; the row of the checklist allows 50 to 250 ms
INTERVAL = 0.2
SHORTEST_INTERVAL = 0.05
EARLY_ARRIVALS = 50  # so many do not wait for the rest of the interval
MAX_ARRIVALS = 300  # beyond these in one interval packets count as lost: 6,000 a second, where a call has 50
ARRIVALS_PER_MESSAGE = 100  # at worst 6 octets each
MEMORY = 0.5  # seconds that a reported arrival is known, for those that come late

_MAX_COUNT = 0xFFFF


class ArrivalLog:
    """Arrivals of one transport.

    Attributes:
        due: when :meth:`take` has something to say; None for never.
    """

    def __init__(self) -> None:
        self.due: float | None = None
        self._ticks: dict[int, int] = {}  # by extended sequence number
        self._pending = 0
        self._highest = -1
        self._next = 0  # lowest number that is to be reported next
        self._forgotten = -1  # highest number whose arrival is not known any more: none before it can be said again
        self._number = 0
        self._sent_at = float("-inf")

    def note(self, sequence_number: int, now: float) -> None:
        """Take note of a packet's transport-wide sequence number, 0..65535."""
        if self._highest < 0:
            number = self._next = self._highest = sequence_number + 0x10000
        else:
            number = self._highest + ((sequence_number - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if number in self._ticks or self._pending >= MAX_ARRIVALS or number <= self._forgotten:
            return
        self._ticks[number] = int(now * TICKS_PER_SECOND)
        self._pending += 1
        self._highest = max(self._highest, number)
        self._next = min(self._next, number)
        if self.due is None:
            self.due = now + INTERVAL
        elif self._pending == EARLY_ARRIVALS:
            self.due = min(self.due, max(now, self._sent_at + SHORTEST_INTERVAL))

    def take(self, now: float) -> list[TransportFeedback]:
        """Return what is to be said now: one message, or more where one does not hold it."""
        self.due, self._sent_at, self._pending = None, now, 0
        messages: list[TransportFeedback] = []
        numbers = sorted(number for number in self._ticks if number >= self._next)
        while numbers:
            count = self._fitting(numbers)
            messages.append(self._message(numbers[:count]))
            numbers = numbers[count:]
        expired = int((now - MEMORY) * TICKS_PER_SECOND)
        for number in [number for number, ticks in self._ticks.items() if ticks <= expired]:
            del self._ticks[number]
            self._forgotten = max(self._forgotten, number)
        return messages

    def _fitting(self, numbers: list[int]) -> int:
        """Return how many of the numbers one message holds."""
        count = 1
        while count < min(len(numbers), ARRIVALS_PER_MESSAGE) and numbers[count] - self._next < _MAX_COUNT:
            if abs(self._ticks[numbers[count]] - self._ticks[numbers[count - 1]]) > MAX_DELTA:
                break
            count += 1
        return count

    def _message(self, numbers: list[int]) -> TransportFeedback:
        base = max(self._next, numbers[-1] - _MAX_COUNT + 1)
        reference = self._ticks[numbers[0]] // TICKS_PER_REFERENCE
        wrapped = reference & 0xFF_FFFF
        shift = (wrapped - reference) * TICKS_PER_REFERENCE
        message = TransportFeedback(
            base & 0xFFFF,
            numbers[-1] - base + 1,
            wrapped,
            self._number,
            tuple(Arrival(number & 0xFFFF, self._ticks[number] + shift) for number in numbers),
        )
        self._number = (self._number + 1) & 0xFF
        self._next = numbers[-1] + 1
        return message
