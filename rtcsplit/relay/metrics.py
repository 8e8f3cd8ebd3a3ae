"""The relay's metrics for Prometheus, read from its counters whenever they are scraped.

Names, types and labels are in docs/reference/metrics.md. Needs prometheus-client (``pip install 'rtcsplit[metrics]'``).
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from .._native.relay import EVENTS, KINDS
from .._version import __version__
from ..drops import DropReason
from .counters import RelayCounters, Traffic, WorkerCounters
from .relay import Relay

__all__ = ["RelayCollector"]

_ROLE = "relay"


class RelayCollector(Collector):
    """Exports one relay's counters.

    Args:
        relay: may be not started yet, or stopped.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def collect(self) -> Iterator[Metric]:
        """Yield every family, as of now."""
        counters = self._relay.counters()
        info = GaugeMetricFamily("rtcsplit_build_info", "What runs here.", labels=["version", "role"])
        info.add_metric([__version__, _ROLE], 1)
        yield info
        yield from _traffic(counters)
        yield _classified(counters)
        yield _dropped(counters)
        yield _flows(counters)
        yield _flow_events(counters)
        yield GaugeMetricFamily("rtcsplit_relay_routes", "Transceivers that the relay routes to.", counters.routes)
        yield GaugeMetricFamily("rtcsplit_relay_hint_keys", "Keys that open routing hints.", counters.hint_keys)
        yield _overflow(counters)
        yield _cpu_time(counters)


def _sides(worker: WorkerCounters) -> tuple[tuple[str, str, Traffic], ...]:
    front = "relays" if worker.serves_relays else "public"
    return (
        (front, "rx", worker.public_rx),
        (front, "tx", worker.public_tx),
        ("internal", "rx", worker.internal_rx),
        ("internal", "tx", worker.internal_tx),
    )


def _traffic(counters: RelayCounters) -> Iterator[Metric]:
    labels = ["side", "direction", "worker"]
    datagrams = CounterMetricFamily("rtcsplit_relay_datagrams", "Datagrams received and sent.", labels=labels)
    octets = CounterMetricFamily("rtcsplit_relay_bytes", "Octets of those datagrams.", labels=labels)
    for index, worker in enumerate(counters.workers):
        for side, direction, traffic in _sides(worker):
            datagrams.add_metric([side, direction, str(index)], traffic.datagrams)
            octets.add_metric([side, direction, str(index)], traffic.bytes)
    yield datagrams
    yield octets


def _classified(counters: RelayCounters) -> Metric:
    family = CounterMetricFamily(
        "rtcsplit_relay_classified", "Datagrams from clients by first octets.", labels=["kind"]
    )
    for kind in KINDS:
        family.add_metric([kind], sum(worker.classified[kind] for worker in counters.workers))
    return family


def _dropped(counters: RelayCounters) -> Metric:
    family = CounterMetricFamily("rtcsplit_dropped", "Datagrams that went nowhere.", labels=["role", "reason"])
    drops = counters.drops
    for reason in DropReason:
        if reason <= _LAST_SHARED_REASON or reason in _CRASHES:
            family.add_metric([_ROLE, reason.label], drops[reason])
    return family


# The reasons that a relay can have; the others are the transceiver's.
_LAST_SHARED_REASON = DropReason.STUN_FINGERPRINT
_CRASHES = (DropReason.CRASH_IN_FLIGHT, DropReason.CRASH_DISCARDED)


def _flows(counters: RelayCounters) -> Metric:
    family = GaugeMetricFamily("rtcsplit_relay_flows", "Flows held.", labels=["state", "worker"])
    for index, worker in enumerate(counters.workers):
        family.add_metric(["embryonic", str(index)], worker.embryonic_flows)
        family.add_metric(["confirmed", str(index)], worker.confirmed_flows)
    return family


def _flow_events(counters: RelayCounters) -> Metric:
    family = CounterMetricFamily("rtcsplit_relay_flow_events", "What happened to flows.", labels=["event"])
    events = counters.flow_events
    for event in EVENTS:
        family.add_metric([event], events[event])
    return family


def _overflow(counters: RelayCounters) -> Metric:
    family = CounterMetricFamily(
        "rtcsplit_socket_overflow",
        "Datagrams that the kernel dropped because a receive buffer was full.",
        labels=["role", "worker"],
    )
    for index, worker in enumerate(counters.workers):
        family.add_metric([_ROLE, str(index)], worker.socket_overflow)
    return family


def _cpu_time(counters: RelayCounters) -> Metric:
    family = CounterMetricFamily(
        "rtcsplit_relay_worker_cpu_seconds", "CPU time of the workers' threads.", labels=["direction", "worker"]
    )
    for index, worker in enumerate(counters.workers):
        family.add_metric(["uplink", str(index)], worker.uplink_cpu_seconds)
        family.add_metric(["downlink", str(index)], worker.downlink_cpu_seconds)
    return family
