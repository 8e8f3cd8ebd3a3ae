"""Speech that was written and has not left: bounded, in segments, taken out frame by frame."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import UsageError
from .segments import Place, SegmentLine

__all__ = ["QueuedFrame", "SpeechQueue"]


class QueuedFrame(NamedTuple):
    """One frame of speech.

    Attributes:
        audio: 16-bit, a whole frame; the end of a segment is filled up with silence.
        place: where it stands.
    """

    audio: bytes
    place: Place


class SpeechQueue:
    """One call's queue.

    Args:
        frame: samples in a frame.
        capacity: samples that may wait.

    Attributes:
        frame: as given; may change between two frames.
        capacity: as given.
        segments: of the audio.
    """

    def __init__(self, frame: int, capacity: int) -> None:
        self.capacity = capacity
        self.segments = SegmentLine()
        self.frame = frame
        self._audio = bytearray()

    @property
    def room(self) -> int:
        """Samples that can be written now."""
        return max(0, self.capacity - self.samples)

    @property
    def samples(self) -> int:
        """Samples that wait."""
        return len(self._audio) // 2

    def write(self, audio: bytes) -> None:
        """Add audio to the open segment, or to a new one.

        Raises:
            UsageError: an odd number of octets, or more than there is room for; nothing was added.
        """
        if len(audio) % 2:
            raise UsageError("16-bit audio has an even number of octets")
        if len(audio) // 2 > self.room:
            raise UsageError("more audio than there is room for")
        self.segments.write(len(audio) // 2)
        self._audio += audio

    def take(self) -> QueuedFrame | None:
        """Return the next frame; None where there is not a whole one, and the segment may still go on."""
        place = self.segments.take(self.frame)
        if place is None:
            return None
        audio = bytes(self._audio[: 2 * place.samples])
        del self._audio[: len(audio)]
        return QueuedFrame(audio.ljust(2 * self.frame, b"\0"), place)

    def put_back(self, frame: QueuedFrame, samples: int) -> None:
        """Take back the frame that was taken last, but for its first ``samples``."""
        self.segments.put_back(frame.place, samples)
        self._audio[:0] = frame.audio[2 * samples : 2 * frame.place.samples]

    def clear(self) -> list[str]:
        """Forget everything; return the names of the segments that had audio or were open."""
        self._audio.clear()
        return self.segments.clear()
