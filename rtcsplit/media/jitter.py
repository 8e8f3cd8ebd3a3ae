"""The live outlet: a jitter buffer that adapts to the network, and what fills in for frames that do not come in time.

Each frame has a deadline: when the fastest packets would have brought it, plus a target delay that follows the
network (:mod:`rtcsplit.media.delay`). A frame whose turn it is goes out as soon as it is there; whoever wants an even
flow, and has nothing to gain from 20 ms less, has each one held until its deadline. What is missing at its deadline
is filled: from the in-band redundancy of the next frame, else by concealment. RFC 2198 copies are frames like any
other, in time or not. While nothing at all comes there is no even flow to keep up, and frames are waited for as long
as the longest target allows: in a short outage nothing is lost.

Silence of discontinuous transmission is filled as well, at the same deadlines, for up to a second.
"""

from __future__ import annotations

from .delay import DelayEstimator
from .frame import Frame, Step
from .frame_line import MAX_FILL, FrameLine

__all__ = ["JitterBuffer"]


class JitterBuffer:
    """Puts the frames of a call in order, in time. After each call drain :meth:`steps` and ask for the timer again.

    Args:
        is_even: hold every frame until its deadline.
        minimum_delay: of the target, seconds.
        maximum_delay: of the target, seconds: a frame that is later than this is given up.

    Attributes:
        delay: of the current stream, None before the first.
    """

    def __init__(self, *, is_even: bool = False, minimum_delay: float = 0.02, maximum_delay: float = 0.2) -> None:
        self._is_even = is_even
        self._delays = (minimum_delay, maximum_delay)
        self._line: FrameLine | None = None
        self._is_idle = False  # filled long enough, waiting for the peer to go on
        self._expected = 0  # sequence number after the highest seen
        self.delay: DelayEstimator | None = None

    def receive(self, frame: Frame) -> bool:
        """Take a frame; False where its turn is over or it is there already."""
        line = self._line
        if line is None or frame.stream != line.stream:
            if line is not None and frame.stream < line.stream:
                return False
            line = self._begin(frame)
        assert self.delay is not None
        if not frame.is_copy:
            self.delay.note_arrival(frame.media_time, frame.arrived_at)
            if frame.sequence > self._expected:
                self.delay.note_loss(frame.duration / frame.codec.clock_rate, frame.arrived_at)
            self._expected = max(self._expected, frame.sequence + 1)
        if not line.add(frame):
            return False
        if self._is_idle:
            line.jump(frame.position)
            self._is_idle = False
        return True

    def has(self, frame: Frame) -> bool:
        """Whether a frame that was refused is there already, as a copy; else it came too late."""
        return self._line is not None and frame.stream == self._line.stream and self._line.has(frame)

    def steps(self, now: float) -> list[Step]:
        """Return what is due, in order."""
        steps: list[Step] = []
        line = self._line
        while line is not None and not self._is_idle:
            first = line.first
            is_there = first is not None and first.position == line.cursor
            if is_there and not self._is_even:
                steps.append(line.take())
                continue
            is_due = now >= self._deadline()
            if is_there and is_due:
                steps.append(line.take())
            elif not is_due and not (first is not None and line.knows_silence and not self._is_even):
                break
            elif first is None and line.filled >= MAX_FILL:
                self._is_idle = True
            elif (step := line.fill()) is not None:
                steps.append(step)
        return steps

    def next_timer(self) -> float | None:
        """Return when :meth:`steps` has something even if no frame comes; None while the peer is silent."""
        return None if self._line is None or self._is_idle else self._deadline()

    def _deadline(self) -> float:
        line, delay = self._line, self.delay
        assert line is not None
        assert delay is not None
        if self._is_even or line.is_silent or line.first is not None:
            return delay.deadline(line.media_time)
        return delay.last_deadline(line.media_time)

    def _begin(self, frame: Frame) -> FrameLine:
        self._line = line = FrameLine(frame)
        self.delay = DelayEstimator(*self._delays)
        self._expected = frame.sequence + 1
        self._is_idle = False
        return line
