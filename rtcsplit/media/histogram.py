"""How often durations fell between fixed bounds: a histogram as Prometheus reads it, without Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

__all__ = ["Histogram"]

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)


class Histogram:
    """Counts since the start.

    Args:
        bounds: upper ones in seconds, in order; whatever is above the last is counted too; 1 ms to half a second if
            not given.

    Attributes:
        sum: of everything that was added.
    """

    def __init__(self, bounds: Sequence[float] = _SHORT) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return each upper bound with how many were not above it, ``+Inf`` last."""
        total, buckets = 0, []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets
