"""Metrics of a forwarding process beside its relay: drain, reloads.

Names, types and labels are in docs/reference/metrics.md. Needs prometheus-client (``pip install 'rtcsplit[metrics]'``).
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from .forwarding import Forwarding

__all__ = ["ForwardingCollector"]

_ROLE = "relay"


class ForwardingCollector(Collector):
    """Exports what a process knows about itself.

    Args:
        forwarding: it.
    """

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    def collect(self) -> Iterator[Metric]:
        """Yield every family, as of now."""
        draining = GaugeMetricFamily("rtcsplit_draining", "Whether a drain goes on.", labels=["role"])
        draining.add_metric([_ROLE], float(self._forwarding.is_draining))
        yield draining
        reloads = CounterMetricFamily("rtcsplit_relay_reloads", "SIGHUPs that were obeyed.", labels=["outcome"])
        for outcome, count in self._forwarding.reloads.items():
            reloads.add_metric([outcome], count)
        yield reloads
