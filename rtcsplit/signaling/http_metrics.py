"""Signaling's HTTP requests as Prometheus metrics. Needs the extra ``metrics``."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from .http_counters import HttpCounters

__all__ = ["HttpCollector"]

_LABELS = ("method", "route", "status")


class HttpCollector(Collector):
    """Exports the counters of one signaling port."""

    def __init__(self, counters: HttpCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Yield both families, as of now."""
        requests = CounterMetricFamily("rtcsplit_http_requests", "Requests that were answered.", labels=_LABELS)
        seconds = HistogramMetricFamily("rtcsplit_http_request_seconds", "Until the answer was out.", labels=_LABELS)
        for labels, histogram in self._counters.seconds.items():
            buckets = histogram.buckets()
            requests.add_metric(labels, buckets[-1][1])
            seconds.add_metric(labels, buckets, histogram.sum)
        yield requests
        yield seconds
