"""How long something took, again and again: a histogram."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

__all__ = ["Timings"]

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)  # seconds


class Timings:
    """Counts by length.

    Attributes:
        sum: of all, seconds.
    """

    def __init__(self) -> None:
        self.sum = 0.0
        self._counts = [0] * (len(_BOUNDS) + 1)

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(_BOUNDS, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return for each upper bound, and for none, how many were not longer, as Prometheus has them."""
        bounds = [*map(str, _BOUNDS), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True))
