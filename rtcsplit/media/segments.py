"""Segments of speech that were written and have not left: their names and lengths, in the order of their playing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Place", "SegmentLine"]


class Place(NamedTuple):
    """Where a frame of speech stands.

    Attributes:
        segment: name of its segment.
        offset: samples from the segment's beginning.
        samples: of speech in it; fewer than a frame at the end of a segment, 0 where that ended with the frame before.
        is_last: the segment ends here.
    """

    segment: str
    offset: int
    samples: int
    is_last: bool


@dataclass(slots=True)
class _Segment:
    name: str
    written: int = 0
    taken: int = 0
    is_ended: bool = False


class SegmentLine:
    """One call's segments. The audio itself is with whoever owns this."""

    def __init__(self) -> None:
        self._segments: deque[_Segment] = deque()
        self._count = 0

    @property
    def is_open(self) -> bool:
        """Whether a segment has begun and not ended."""
        return bool(self._segments) and not self._segments[-1].is_ended

    @property
    def current(self) -> str | None:
        """Name of the segment that frames are taken from next."""
        return self._segments[0].name if self._segments else None

    def begin(self, name: str | None) -> str:
        """Begin a segment and return its name; one that is open ends."""
        if self.is_open:
            self.end()
        self._count += 1
        self._segments.append(_Segment(str(self._count) if name is None else name))
        return self._segments[-1].name

    def write(self, samples: int) -> None:
        """Lengthen the open segment, or a new one."""
        if not self.is_open:
            self.begin(None)
        self._segments[-1].written += samples

    def end(self) -> None:
        """End the open segment."""
        self._segments[-1].is_ended = True

    def take(self, frame: int) -> Place | None:
        """Take the next ``frame`` samples; None where there are not as many, and the segment may still go on."""
        if not self._segments:
            return None
        segment = self._segments[0]
        samples = min(frame, segment.written - segment.taken)
        if samples < frame and not segment.is_ended:
            return None
        offset = segment.taken
        segment.taken += samples
        is_last = segment.is_ended and segment.taken == segment.written
        if is_last:
            self._segments.popleft()
        return Place(segment.name, offset, samples, is_last)

    def put_back(self, place: Place, samples: int) -> None:
        """Undo the latest :meth:`take`, which was ``place``, but for its first ``samples``."""
        if place.is_last and samples < place.samples:
            self._segments.appendleft(_Segment(place.segment, place.offset + place.samples, is_ended=True))
        if samples < place.samples:
            self._segments[0].taken = place.offset + samples

    def clear(self) -> list[str]:
        """Forget everything; return the names of the segments that had audio or were open."""
        names = [segment.name for segment in self._segments]
        self._segments.clear()
        return names
