"""The lag of a process's event loop as a Prometheus metric. Needs the extra ``metrics``."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from .loop_lag import LoopLag

__all__ = ["LoopLagCollector"]


class LoopLagCollector(Collector):
    """Exports the lag of one loop."""

    def __init__(self, lag: LoopLag) -> None:
        self._lag = lag

    def collect(self) -> Iterator[Metric]:
        """Yield it, as of now."""
        lag = HistogramMetricFamily("rtcsplit_loop_lag_seconds", "How late the event loop was.", labels=["role"])
        lag.add_metric([self._lag.role], self._lag.timings.buckets(), self._lag.timings.sum)
        yield lag
