"""What has left of the segments of speech, and when the listener hears the end of each."""

from __future__ import annotations

from collections import deque

from .heard import Heard, HeardPosition
from .playout_events import PlayoutEvent, SegmentFinished, SegmentStarted
from .segments import Place

__all__ = ["Departures"]


class Departures:
    """Those of one call, from the first packet on.

    Args:
        sample_rate: Hz, of places.
        events: takes ``SegmentStarted``, and ``SegmentFinished`` of segments that were heard to their end.

    Attributes:
        position: what the listener has heard of it.
    """

    def __init__(self, sample_rate: int, events: deque[PlayoutEvent]) -> None:
        self._sample_rate = sample_rate
        self._events = events
        self.position = HeardPosition()
        self._sent = Heard("", 0.0)  # how far the latest segment has left
        self._end = 0.0  # when the latest speech has left to its end
        self._endings: deque[tuple[str, float, float]] = deque()  # segment, seconds, departure of its end

    def depart(self, place: Place, now: float) -> None:
        """Speech leaves."""
        segment = place.segment
        if self._sent.segment != segment or place.offset == 0:
            self._events.append(SegmentStarted(segment))
        offset, duration = place.offset / self._sample_rate, place.samples / self._sample_rate
        self.position.depart(segment, offset, duration, now)
        self._sent = Heard(segment, offset + duration)
        self._end = now + duration
        if place.is_last:
            self.end(segment, place.offset + place.samples)

    def end(self, segment: str, samples: int) -> None:
        """A segment of so many samples ends with the speech that left last."""
        self._endings.append((segment, samples / self._sample_rate, self._end))

    def is_latest(self, segment: str) -> bool:
        """Whether the speech that left last is of that segment."""
        return self._sent.segment == segment

    def seconds_sent(self, segment: str) -> float:
        """How much of a segment that has not ended has left."""
        return self._sent.seconds if self._sent.segment == segment else 0.0

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called."""
        return self.position.heard_at(self._endings[0][2]) if self._endings else None

    def handle_timer(self, now: float) -> None:
        """Say what has been heard to its end."""
        while self._endings and now >= self.position.heard_at(self._endings[0][2]):
            segment, seconds, _ = self._endings.popleft()
            self._events.append(SegmentFinished(segment, seconds, False))
