"""The transceiver's counters as Prometheus metrics, read at scrape time. Needs the extra ``metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .._version import __version__
from .counters import TransceiverCounters

__all__ = ["TransceiverCollector"]


class TransceiverCollector(Collector):
    """Register one of these per transceiver.

    Args:
        read: returns the counters of the moment, for instance ``transceiver.counters``.
    """

    def __init__(self, read: Callable[[], TransceiverCounters]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of ``docs/reference/metrics.md``."""
        counters = self._read()
        info = GaugeMetricFamily("rtcsplit_build_info", "What runs here.", labels=["version", "role"])
        info.add_metric([__version__, "transceiver"], 1)
        yield info

        sessions = GaugeMetricFamily("rtcsplit_sessions", "Living sessions.", labels=["state"])
        for state, count in counters.sessions.items():
            sessions.add_metric([state], count)
        yield sessions

        dropped = CounterMetricFamily("rtcsplit_dropped", "Datagrams that went nowhere.", labels=["role", "reason"])
        for reason, count in counters.drops.items():
            dropped.add_metric(["transceiver", reason.label], count)
        yield dropped

        ended = CounterMetricFamily("rtcsplit_sessions_ended", "Sessions that ended.", labels=["cause"])
        for cause, count in counters.ended.items():
            ended.add_metric([cause.value], count)
        yield ended

        changes = CounterMetricFamily("rtcsplit_path_changes", "Paths that were set or moved.", labels=["cause"])
        for cause_label, count in counters.path_changes.items():
            changes.add_metric([cause_label], count)
        yield changes

        restarts = CounterMetricFamily("rtcsplit_ice_restarts", "ICE restarts that took over the path.")
        restarts.add_metric([], counters.ice_restarts)
        yield restarts
