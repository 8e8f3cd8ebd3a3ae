"""Requests for a key frame, PLI (RFC 4585 section 6.3.1) and FIR (RFC 5104 section 4.3.1): which would be acted on.

We send audio, which has no key frames: they are counted, by the rules that an application with video would need.
"""

from __future__ import annotations

__all__ = ["KeyFrameRequests"]

INTERVAL = 0.5  # ours: seconds between two that count


class KeyFrameRequests:
    """Requests about our one source.

    Attributes:
        count: requests that counted.
    """

    def __init__(self) -> None:
        self.count = 0
        self._counted_at = float("-inf")
        self._fir_number: int | None = None

    def take_pli(self, now: float) -> bool:
        """Take a PLI; whether it counted."""
        if now - self._counted_at < INTERVAL:
            return False
        self._counted_at = now
        self.count += 1
        return True

    def take_fir(self, number: int, now: float) -> bool:
        """Take a FIR about our source; whether it counted. A repeated number repeats the request before it."""
        if number == self._fir_number or not self.take_pli(now):
            return False
        self._fir_number = number
        return True
