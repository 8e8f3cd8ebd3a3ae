"""Metrics of what runs beside the relay's workers: the flow cache, and the source of the directory.

Names, types and labels are in docs/reference/metrics.md. Needs prometheus-client (``pip install 'rtcsplit[metrics]'``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from .directory_follower import DirectoryFollower
from .flow_cache_counters import OPERATIONS, FlowCacheCounters

__all__ = ["DirectoryCollector", "FlowCacheCollector"]


class DirectoryCollector(Collector):
    """Exports how a directory is followed."""

    def __init__(self, follower: DirectoryFollower) -> None:
        self._follower = follower

    def collect(self) -> Iterator[Metric]:
        """Yield every family, as of now."""
        family = CounterMetricFamily(
            "rtcsplit_relay_directory_readings", "How often the directory's source was read.", labels=["outcome"]
        )
        for outcome, count in self._follower.readings.items():
            family.add_metric([outcome], count)
        yield family


class FlowCacheCollector(Collector):
    """Exports a flow cache's counters.

    Args:
        read: returns those of the moment.
    """

    def __init__(self, read: Callable[[], FlowCacheCounters]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Yield every family, as of now."""
        counters = self._read()
        operations = CounterMetricFamily(
            "rtcsplit_flow_cache_operations", "Flows stored and looked up.", labels=["op", "outcome"]
        )
        for op, outcomes in OPERATIONS.items():
            for outcome in outcomes:
                operations.add_metric([op, outcome], counters.operations[op, outcome])
        yield operations
        seconds = HistogramMetricFamily(
            "rtcsplit_flow_cache_seconds", "Round trips to Redis, many flows in each.", labels=["op"]
        )
        for op, timings in counters.timings.items():
            seconds.add_metric([op], timings.buckets(), timings.sum)
        yield seconds
        lost = CounterMetricFamily("rtcsplit_flow_cache_lost", "Flows that a full queue has lost.", labels=["queue"])
        for queue, count in counters.lost.items():
            lost.add_metric([queue], count)
        yield lost
        yield GaugeMetricFamily("rtcsplit_flow_cache_up", "Whether Redis answered last time.", int(counters.is_up))
