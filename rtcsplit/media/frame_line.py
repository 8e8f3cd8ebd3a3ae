"""The frames of one stream by position, and a cursor: what was handed out ends there, what waits is behind it."""

from __future__ import annotations

from .frame import Fate, Frame, Step
from .opus_packet import opus_has_redundancy

__all__ = ["MAX_FILL", "FrameLine"]

MAX_FILL = 1.0  # seconds; a longer gap is jumped over, so that no timestamp can make us fill hours
MAX_WAITING = 512  # frames: more than 10 s of 20 ms

_FILL_DURATION = 0.02  # of one step that fills a gap


class FrameLine:
    """One stream. Whoever owns it decides when a frame is taken and a gap is filled.

    Args:
        first: the stream's first frame; the cursor begins there.

    Attributes:
        stream: its number.
        cursor: position up to which the steps reach.
        codec: of its frames.
        clock_rate: Hz, of its positions.
        filled: seconds filled since the latest frame was taken.
        is_silent: the latest frame taken announced that silence follows.
    """

    def __init__(self, first: Frame) -> None:
        self.stream = first.stream
        self.codec = first.codec
        self.clock_rate = first.codec.clock_rate
        self.cursor = first.position
        self.filled = 0.0
        self.is_silent = False
        self._origin = first.media_time - first.position / self.clock_rate
        self._waiting: dict[int, Frame] = {}
        self._sequence: int | None = None  # of the latest frame taken
        self._is_gap = first.stream > 0

    def add(self, frame: Frame) -> bool:
        """Let a frame wait; False where it is too late, there already, or one too many."""
        if frame.position < self.cursor or frame.position in self._waiting or len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting[frame.position] = frame
        return True

    def has(self, frame: Frame) -> bool:
        """Whether a frame waits where that one would."""
        return frame.position in self._waiting

    @property
    def is_full(self) -> bool:
        """Whether no frame can be added."""
        return len(self._waiting) >= MAX_WAITING

    @property
    def first(self) -> Frame | None:
        """The earliest frame that waits."""
        if not self._waiting:
            return None
        return self._waiting.get(self.cursor) or self._waiting[min(self._waiting)]

    @property
    def media_time(self) -> float:
        """Of the cursor."""
        return self._origin + self.cursor / self.clock_rate

    @property
    def knows_silence(self) -> bool:
        """Whether the gap at the cursor is silence for sure: no packet is missing before the first that waits (F19)."""
        first = self.first
        return first is not None and self._sequence is not None and first.sequence == self._sequence + 1

    def take(self) -> Step:
        """Hand out the frame at the cursor, which has to be there."""
        frame = self._waiting.pop(self.cursor)
        fate = Fate.LATE if frame.is_late else Fate.COPIED if frame.is_copy else Fate.RECEIVED
        step = Step(fate, frame.media_time, frame.duration, self.codec, frame, self._is_gap)
        self.cursor += frame.duration
        self._sequence = frame.sequence
        self.is_silent = self.codec.name == "opus" and len(frame.payload) <= 2
        self._is_gap = False
        self.filled = 0.0
        return step

    def fill(self) -> Step | None:
        """Hand out a step of at most 20 ms for what is missing at the cursor; None where the gap was jumped over."""
        first = self.first
        duration = int(_FILL_DURATION * self.clock_rate)
        if first is not None:
            gap = first.position - self.cursor
            if gap > MAX_FILL * self.clock_rate or self._is_odd(gap):
                self.jump(first.position)
                return None
            duration = min(duration, gap)
        fate = Fate.SILENCE if self.is_silent or self.knows_silence else Fate.CONCEALED
        follower = None
        is_next = first is not None and first.position == self.cursor + duration
        if fate is Fate.CONCEALED and first is not None and is_next and self._has_redundancy(first):
            fate, follower = Fate.RECOVERED, first
        step = Step(fate, self.media_time, duration, self.codec, follower, self._is_gap)
        self.cursor += duration
        self.filled += duration / self.clock_rate
        self._is_gap = False
        return step

    def jump(self, position: int) -> None:
        """Go on at ``position`` without filling what is before it."""
        if position != self.cursor:
            self._is_gap = True
        self.cursor = position
        self.filled = 0.0

    def _has_redundancy(self, frame: Frame) -> bool:
        return self.codec.name == "opus" and opus_has_redundancy(frame.payload)

    def _is_odd(self, gap: int) -> bool:
        """Whether a gap is no whole number of the shortest frames: decoders cannot make such a length."""
        return gap % (self.clock_rate // 400) != 0
