"""What the flow cache has counted: plain values."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ..media.histogram import Histogram

__all__ = ["OPERATIONS", "FlowCacheCounters"]

# Every operation with its outcomes; the labels of rtcsplit_flow_cache_operations_total.
OPERATIONS = {
    "mirror": ("stored", "refused", "unavailable"),
    "lookup": ("found", "absent", "refused", "unavailable", "shed"),
}


class FlowCacheCounters(NamedTuple):
    """Since the start.

    Attributes:
        operations: how many flows, by operation and outcome.
        timings: round trips to Redis by operation; one carries many flows.
        lost: flows that queues lost because nobody took them in time, by queue.
        is_up: whether Redis answered last time.
    """

    operations: Counter[tuple[str, str]]
    timings: dict[str, Histogram]
    lost: dict[str, int]
    is_up: bool
