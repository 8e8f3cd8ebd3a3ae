"""What the listener has heard of what was sent, as well as a sender can know it.

A packet that leaves now sounds half a round trip later, plus what the receiver holds it back for: its jitter buffer
and its loudspeaker. What a report of the receiver says never to have reached it in time is taken for unheard until
another report says otherwise.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Heard", "HeardPosition"]

# Ours
DEFAULT_ROUND_TRIP = 0.05  # before the first report that tells it
RECEIVER_DELAY = 0.07  # a browser's jitter buffer and output on a good network
# How many times the jitter that it reports a receiver waits longer: its buffer covers nearly all packets, the
# jitter of RFC 3550 is a mean. Both as measured with Chromium, see docs/explanation/voice.md.
JITTERS_HELD_BACK = 5.0
MAX_JOIN = 0.1  # a packet that leaves later than that after the one before is heard as a run of its own
STALL = 0.25  # seconds of packets that a report may be behind, beyond the round trip
MEMORY = 10.0  # seconds after which a run has surely been heard
MAX_RUNS = 256


@dataclass(frozen=True, slots=True)
class Heard:
    """A place in what was written.

    Attributes:
        segment: its name.
        seconds: from the segment's beginning.
    """

    segment: str
    seconds: float


@dataclass(slots=True)
class _Run:
    """Packets of one segment that left one after the other."""

    segment: str
    offset: float
    left_at: float
    duration: float

    def position_at(self, departure: float) -> float:
        return self.offset + min(max(departure - self.left_at, 0.0), self.duration)


class HeardPosition:
    """Keeps the departures of the last segments and tells what of them has been heard."""

    def __init__(self) -> None:
        self._runs: deque[_Run] = deque(maxlen=MAX_RUNS)
        self._lag = DEFAULT_ROUND_TRIP / 2 + RECEIVER_DELAY
        self._stalled_since: float | None = None

    @property
    def lag(self) -> float:
        """Seconds between the departure of audio and its being heard."""
        return self._lag

    def depart(self, segment: str, offset: float, duration: float, now: float) -> None:
        """Note that audio of a segment, ``offset`` seconds from its beginning, leaves."""
        run = self._runs[-1] if self._runs else None
        if (
            run is not None
            and run.segment == segment
            and abs(run.offset + run.duration - offset) < 1e-6
            and abs(run.left_at + run.duration - now) < MAX_JOIN
        ):
            run.duration += duration
        else:
            self._runs.append(_Run(segment, offset, now, duration))
            self._forget_before(now - MEMORY)

    def report(self, round_trip: float | None, jitter: float, behind: float, now: float) -> None:
        """Take the receiver's report.

        Args:
            round_trip: seconds, None while unknown.
            jitter: seconds, as the receiver measures it.
            behind: seconds of packets that had left us but not reached it when it reported.
            now: when the report came.
        """
        round_trip = DEFAULT_ROUND_TRIP if round_trip is None else round_trip
        self._lag = round_trip / 2 + RECEIVER_DELAY + JITTERS_HELD_BACK * jitter
        self._stalled_since = now - behind if behind > round_trip + STALL else None

    def heard(self, now: float) -> Heard | None:
        """Return the place that is being heard, or was last; None before the first."""
        departure = now - self._lag
        if self._stalled_since is not None:
            departure = min(departure, self._stalled_since)
        found = None
        for run in self._runs:
            if run.left_at > departure:
                break
            found = run
        return None if found is None else Heard(found.segment, found.position_at(departure))

    def heard_at(self, departure: float) -> float:
        """Return when what left at ``departure`` is heard."""
        return departure + self._lag

    def _forget_before(self, departure: float) -> None:
        while len(self._runs) > 1 and self._runs[0].left_at + self._runs[0].duration < departure:
            self._runs.popleft()
