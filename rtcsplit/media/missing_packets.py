"""Packets of the peer that did not come, and when to ask for them (generic NACK, RFC 4585 section 6.2.1).

A gap is asked for as soon as it shows, and again once per round trip, until the packet comes or no listener would
wait for it any more. One source is watched at a time: a call has one voice.
"""

from __future__ import annotations

from dataclasses import dataclass

from .budget import Budget

__all__ = ["MissingPackets"]

# All ours
MAX_GAP = 50  # packets, 1 s of 20 ms: more is an outage, not loss
MAX_MISSING = 100
PATIENCE = 1.0  # seconds that a packet is asked for
ASKS_PER_SECOND = 50
DEFAULT_ROUND_TRIP_TIME = 0.1
MIN_ROUND_TRIP_TIME = 0.02  # one packet's duration: asking more often than packets come is of no use


@dataclass(slots=True)
class _Missing:
    until: float
    ask_at: float
    is_asked: bool = False


class MissingPackets:
    """Watches sequence numbers.

    Attributes:
        due: when :meth:`take` has something to ask for; None for never.
        ssrc: of the source watched; None before the first packet.
        repaired: packets that came after they had been asked for.
        highest: its latest sequence number. Packets that follow one another may move it on without :meth:`note`.
    """

    def __init__(self, now: float) -> None:
        self.due: float | None = None
        self.ssrc: int | None = None
        self.repaired = 0
        self.highest = 0
        self._missing: dict[int, _Missing] = {}  # in the order of sequence numbers
        self._budget = Budget(ASKS_PER_SECOND, ASKS_PER_SECOND, now)

    def __len__(self) -> int:
        return len(self._missing)

    def note(self, ssrc: int, sequence_number: int, now: float) -> None:
        """Take note of a packet that came."""
        step = (sequence_number - self.highest) & 0xFFFF
        if ssrc != self.ssrc:
            self._begin(ssrc, sequence_number)
        elif step == 1:
            self.highest = sequence_number
        elif step >= 0x8000 or step == 0:
            missing = self._missing.pop(sequence_number, None)
            self.repaired += missing is not None and missing.is_asked
        elif step > MAX_GAP:
            self._begin(ssrc, sequence_number)
        else:
            self._miss(range(self.highest + 1, self.highest + step), now)
            self.highest = sequence_number

    def take(self, round_trip_time: float | None, now: float) -> list[int]:
        """Return the sequence numbers to ask for now, in order."""
        wait = DEFAULT_ROUND_TRIP_TIME if round_trip_time is None else max(MIN_ROUND_TRIP_TIME, round_trip_time)
        self._missing = {number: missing for number, missing in self._missing.items() if now < missing.until}
        numbers = []
        for number, missing in self._missing.items():
            if missing.ask_at <= now:
                missing.ask_at = now + wait
                if self._budget.take(now):
                    missing.is_asked = True
                    numbers.append(number)
        self.due = min((missing.ask_at for missing in self._missing.values()), default=None)
        return numbers

    def _begin(self, ssrc: int, sequence_number: int) -> None:
        self.ssrc, self.highest = ssrc, sequence_number
        self._missing.clear()
        self.due = None

    def _miss(self, numbers: range, now: float) -> None:
        for number in numbers:
            self._missing[number & 0xFFFF] = _Missing(now + PATIENCE, now)
        while len(self._missing) > MAX_MISSING:
            del self._missing[next(iter(self._missing))]
        self.due = now
