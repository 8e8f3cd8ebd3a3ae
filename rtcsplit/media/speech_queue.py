"""Speech that was written and has not left: bounded, in segments, taken out frame by frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import UsageError

__all__ = ["QueuedFrame", "SpeechQueue"]


class QueuedFrame(NamedTuple):
    """One frame of speech.

    Attributes:
        audio: 16-bit, a whole frame; the end of a segment is filled up with silence.
        segment: name of its segment.
        offset: samples from the segment's beginning.
        samples: of speech in it; fewer than a frame at the end of a segment.
        is_last: the segment ends here.
    """

    audio: bytes
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


class SpeechQueue:
    """One call's queue.

    Args:
        frame: samples in a frame.
        capacity: samples that may wait.

    Attributes:
        capacity: as given.
    """

    def __init__(self, frame: int, capacity: int) -> None:
        self._frame = frame
        self.capacity = capacity
        self._audio = bytearray()
        self._segments: deque[_Segment] = deque()
        self._count = 0

    @property
    def room(self) -> int:
        """Samples that can be written now."""
        return max(0, self.capacity - len(self._audio) // 2)

    @property
    def samples(self) -> int:
        """Samples that wait."""
        return len(self._audio) // 2

    @property
    def is_open(self) -> bool:
        """Whether a segment has begun and not ended."""
        return bool(self._segments) and not self._segments[-1].is_ended

    @property
    def current(self) -> str | None:
        """Name of the segment that frames are taken from next."""
        return self._segments[0].name if self._segments else None

    def begin(self, name: str | None) -> str:
        """Begin a segment; one that is open ends."""
        if self.is_open:
            self.end()
        self._count += 1
        self._segments.append(_Segment(str(self._count) if name is None else name))
        return self._segments[-1].name

    def write(self, audio: bytes) -> None:
        """Add audio to the open segment, or to a new one.

        Raises:
            UsageError: an odd number of octets, or more than there is room for; nothing was added.
        """
        if len(audio) % 2:
            raise UsageError("16-bit audio has an even number of octets")
        if len(audio) // 2 > self.room:
            raise UsageError("more audio than there is room for")
        if not self.is_open:
            self.begin(None)
        self._audio += audio
        self._segments[-1].written += len(audio) // 2

    def end(self) -> None:
        """End the open segment; its last frame is filled up with silence."""
        segment = self._segments[-1]
        segment.is_ended = True
        self._audio += bytes(2 * (-segment.written % self._frame))

    def take(self) -> QueuedFrame | None:
        """Return the next frame; None where there is not a whole one, and the segment may still go on."""
        if not self._segments:
            return None
        segment = self._segments[0]
        samples = min(self._frame, segment.written - segment.taken)
        if samples < self._frame and not segment.is_ended:
            return None
        audio = bytes(self._audio[: 2 * self._frame]) if samples else b""
        del self._audio[: len(audio)]
        frame = QueuedFrame(
            audio, segment.name, segment.taken, samples, segment.is_ended and segment.taken + samples == segment.written
        )
        segment.taken += samples
        if frame.is_last:
            self._segments.popleft()
        return frame

    def clear(self) -> list[str]:
        """Forget everything; return the names of the segments that had audio or were open."""
        names = [segment.name for segment in self._segments]
        self._segments.clear()
        self._audio.clear()
        return names
