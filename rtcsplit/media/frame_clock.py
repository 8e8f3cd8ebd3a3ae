"""When the frames of one talkspurt after the other leave, and what that means for their timestamps."""

from __future__ import annotations

import math

__all__ = ["FrameClock"]

MAX_LATE = 0.1  # seconds behind time that are made up for by sending faster; more is a pause

_ROUNDING = 1e-6


class FrameClock:
    """Departures one frame apart, on a grid; the first one after a pause whenever it is wanted.

    Args:
        frame: seconds.
        units: the same in the codec's RTP clock.
        grid: seconds.

    Attributes:
        due: when the next frame leaves; None while the clock stands.
    """

    def __init__(self, frame: float, units: int, grid: float) -> None:
        self._frame, self._units, self._grid = frame, units, grid
        self._horizon: float | None = None  # when a frame that continues the latest one would leave
        self._gap = 0
        self.due: float | None = None

    def change(self, frame: float, units: int) -> None:
        """Frames have another duration from the next one on."""
        self._frame, self._units = frame, units

    def start(self, now: float) -> None:
        """Let a frame leave now, unless the clock is running."""
        if self.due is None:
            self.due = now

    def stop(self) -> None:
        """No frame follows."""
        self.due = None

    def is_due(self, now: float) -> bool:
        """Whether a frame is to leave. If it ought to have long ago, that was a pause."""
        if self.due is None or now < self.due:
            return False
        if now - self.due > MAX_LATE:
            self.due = now
        return True

    def depart(self) -> float:
        """A frame leaves: return when, and move on to the next."""
        assert self.due is not None
        due = self.due
        if self._horizon is not None and due > self._horizon:
            self._gap += int((due - self._horizon) / self._frame + _ROUNDING) * self._units
        self._horizon = due + self._frame
        self.due = math.floor(self._horizon / self._grid + _ROUNDING) * self._grid
        return due

    @property
    def gap(self) -> int:
        """Units of silence before the packet that is to be sent."""
        return self._gap

    def sent(self) -> None:
        """The frame that departed is sent: no gap before the next."""
        self._gap = 0

    def withheld(self) -> None:
        """The frame that departed is silence and not sent."""
        self._gap += self._units
