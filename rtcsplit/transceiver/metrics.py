"""The transceiver's counters as Prometheus metrics, read at scrape time. Needs the extra ``metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from .._version import __version__
from ..drops import DropReason
from ..session.events import EndCause, PathCause
from ..session.session_state import SessionState
from .admission import OfferRefusal
from .counters import TransceiverCounters
from .setup_times import HandshakeOutcome, SetupTimes

__all__ = ["TransceiverCollector"]

# Every series is there from the start: a counter that appears with its first event hides that event from rates.
_STATES = [state.name.lower() for state in SessionState if state is not SessionState.CLOSED]
_REFUSALS = [reason.value for reason in OfferRefusal]
_ENDS = [cause.value for cause in EndCause]
_MOVES = [cause.value for cause in PathCause]
_OUTCOMES = [outcome.value for outcome in HandshakeOutcome]


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

        yield _gauge("sessions", "Living sessions.", "state", _STATES, counters.sessions)
        draining = GaugeMetricFamily("rtcsplit_draining", "Whether a drain refuses new calls.", labels=["role"])
        draining.add_metric(["transceiver"], counters.is_draining)
        yield draining

        dropped = CounterMetricFamily("rtcsplit_dropped", "Datagrams that went nowhere.", labels=["role", "reason"])
        for reason in DropReason:
            dropped.add_metric(["transceiver", reason.label], counters.drops.get(reason, 0))
        yield dropped

        overflow = CounterMetricFamily(
            "rtcsplit_socket_overflow",
            "Datagrams that the kernel dropped because a receive buffer was full.",
            labels=["role"],
        )
        overflow.add_metric(["transceiver"], counters.socket_overflow)
        yield overflow

        refused = {reason.value: count for reason, count in counters.offers_refused.items()}
        ended = {cause.value: count for cause, count in counters.ended.items()}
        yield _counter("offers_refused", "Offers that were not looked at.", "reason", _REFUSALS, refused)
        yield _counter("sessions_ended", "Sessions that ended.", "cause", _ENDS, ended)
        yield _counter("path_changes", "Paths that were set or moved.", "cause", _MOVES, counters.path_changes)

        for name, text, count in (
            ("ice_restarts", "ICE restarts that took over the path.", counters.ice_restarts),
            ("flow_conflicts", "Client addresses that another living session has.", counters.flow_conflicts),
            ("packets_rescued", "RTP packets that came before their address' check.", counters.packets_rescued),
        ):
            family = CounterMetricFamily(f"rtcsplit_{name}", text)
            family.add_metric([], count)
            yield family
        yield from _setup(counters.setup)


def _setup(times: SetupTimes) -> Iterable[Metric]:
    setup = HistogramMetricFamily("rtcsplit_session_setup_seconds", "How long each stage took.", labels=["stage"])
    for stage, histogram in times.stages.items():
        setup.add_metric([stage.value], histogram.buckets(), histogram.sum)
    yield setup
    outcomes = {outcome.value: count for outcome, count in times.handshakes.items()}
    yield _counter("dtls_handshakes", "DTLS handshakes that ended.", "outcome", _OUTCOMES, outcomes)


def _gauge(name: str, text: str, label: str, values: Iterable[str], counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"rtcsplit_{name}", text, labels=[label])
    for value in values:
        family.add_metric([value], counts.get(value, 0))
    return family


def _counter(name: str, text: str, label: str, values: Iterable[str], counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"rtcsplit_{name}", text, labels=[label])
    for value in values:
        family.add_metric([value], counts.get(value, 0))
    return family
