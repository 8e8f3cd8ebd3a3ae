"""The transcript outlet: every frame that comes, in order, complete rather than prompt.

Frames go out as soon as those before them have. At a gap the outlet waits, for as long as the network may take to
bring a late packet or its copy; only then is the gap filled, and marked. A recogniser that reads from here misses
nothing that a live outlet had to give up.
"""

from __future__ import annotations

from .frame import Frame, Step
from .frame_line import FrameLine

__all__ = ["TranscriptBuffer"]


class TranscriptBuffer:
    """Puts the frames of a call in order. After each call drain :meth:`steps` and ask for the timer again.

    Args:
        patience: seconds that a missing frame is waited for after a later one has come.
    """

    def __init__(self, *, patience: float = 0.5) -> None:
        self._patience = patience
        self._line: FrameLine | None = None
        self._ready: list[Step] = []

    def receive(self, frame: Frame) -> bool:
        """Take a frame; False where its turn is over or it is there already."""
        line = self._line
        if line is None or frame.stream != line.stream:
            if line is not None:
                if frame.stream < line.stream:
                    return False
                self._finish(line)
            self._line = line = FrameLine(frame)
        return line.add(frame)

    def steps(self, now: float) -> list[Step]:
        """Return what is ready, in order."""
        steps, self._ready = self._ready, []
        line = self._line
        while line is not None and (first := line.first) is not None:
            if first.position == line.cursor:
                steps.append(line.take())
            elif line.knows_silence or line.is_full or now >= first.arrived_at + self._patience:
                step = line.fill()
                if step is not None:
                    steps.append(step)
            else:
                break
        return steps

    def finish(self) -> list[Step]:
        """Return everything that still waits, the gaps filled: no more frames will come."""
        if self._line is not None:
            self._finish(self._line)
            self._line = None
        steps, self._ready = self._ready, []
        return steps

    def next_timer(self) -> float | None:
        """Return when a gap will have been waited for long enough; None where there is none."""
        first = None if self._line is None else self._line.first
        return None if first is None else first.arrived_at + self._patience

    def _finish(self, line: FrameLine) -> None:
        while (first := line.first) is not None:
            step = line.take() if first.position == line.cursor else line.fill()
            if step is not None:
                self._ready.append(step)
