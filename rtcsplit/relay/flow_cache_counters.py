"""What the flow cache has counted: plain values."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import NamedTuple

__all__ = ["BUCKETS", "OPERATIONS", "FlowCacheCounters", "Timings"]

# Every operation with its outcomes; the labels of rtcsplit_flow_cache_operations_total.
OPERATIONS = {
    "mirror": ("stored", "refused", "unavailable"),
    "lookup": ("found", "absent", "refused", "unavailable", "shed"),
}

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)  # seconds


class Timings:
    """How long round trips took: a histogram."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class FlowCacheCounters(NamedTuple):
    """Since the start.

    Attributes:
        operations: how many flows, by operation and outcome.
        timings: round trips to Redis by operation; one carries many flows.
        lost: flows that queues lost because nobody took them in time, by queue.
        is_up: whether Redis answered last time.
    """

    operations: Counter[tuple[str, str]]
    timings: dict[str, Timings]
    lost: dict[str, int]
    is_up: bool
