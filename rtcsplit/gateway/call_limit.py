"""How long a call may last: bounds what a forgotten tab or a stuck backend costs."""

from __future__ import annotations

import asyncio

__all__ = ["CallLimit"]


class CallLimit:
    """Begins when it is made.

    Args:
        seconds: that the call may last.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + seconds

    @property
    def is_reached(self) -> bool:
        """Whether the call has to end."""
        return self._clock() >= self._end

    @property
    def message(self) -> str:
        """What people are told then."""
        minutes = self._seconds / 60
        length = f"{minutes:g} minutes" if minutes >= 1 else f"{self._seconds:g} seconds"
        return f"this call has reached its longest duration of {length}"

    async def wait(self) -> None:
        """Return when the limit is reached."""
        await asyncio.sleep(self._end - self._clock())
        self._end = self._clock()  # a timer may be early by the resolution of the loop's clock
