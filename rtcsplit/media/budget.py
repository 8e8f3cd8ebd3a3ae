"""How much of something a peer may cause: so many per second, and a burst."""

from __future__ import annotations

__all__ = ["Budget"]


class Budget:
    """A token bucket, full at first.

    Args:
        rate: tokens that come per second.
        burst: tokens that it holds.
        now: monotonic seconds.
    """

    __slots__ = ("_burst", "_filled_at", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = self._tokens = burst
        self._filled_at = now

    def take(self, now: float) -> bool:
        """Take one token; False where there is none."""
        if now > self._filled_at:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
            self._filled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
