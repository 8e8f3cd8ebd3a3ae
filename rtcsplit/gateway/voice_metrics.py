"""The voice of all calls as Prometheus metrics, read at scrape time. Needs the extra ``metrics``."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ..media.frame import Fate
from ..media.histogram import Histogram
from .voice import VoiceApplication

__all__ = ["VoiceCollector"]


class VoiceCollector(Collector):
    """Register one of these per application.

    Args:
        application: whose calls are counted.
    """

    def __init__(self, application: VoiceApplication) -> None:
        self._application = application

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of ``docs/reference/metrics.md``, each series from the start."""
        counters, totals = self._application.counters, self._application.totals()
        packets = CounterMetricFamily("rtcsplit_rtp_packets", "Packets of audio.", labels=["direction", "fate"])
        packets.add_metric(["in", "played"], counters.frames[Fate.RECEIVED])
        packets.add_metric(["in", "late"], totals.late)
        packets.add_metric(["in", "lost"], totals.packets_lost)
        packets.add_metric(["in", "duplicate"], totals.duplicates)
        packets.add_metric(["out", "played"], max(0, totals.packets_sent - totals.packets_unheard))
        packets.add_metric(["out", "lost"], totals.packets_unheard)
        yield packets
        recovered = CounterMetricFamily("rtcsplit_rtp_recovered", "What made up for packets.", labels=["by"])
        recovered.add_metric(["red"], counters.frames[Fate.COPIED])
        recovered.add_metric(["fec"], counters.frames[Fate.RECOVERED])
        recovered.add_metric(["nack"], totals.packets_repaired)
        recovered.add_metric(["concealed"], counters.frames[Fate.CONCEALED])
        yield recovered
        underruns = CounterMetricFamily("rtcsplit_playout_underruns", "Speech that was not written in time.")
        underruns.add_metric([], totals.underruns)
        yield underruns
        yield _histogram("playout_flush", "From a flush until its fade has left.", counters.flush)
        yield _histogram("round_trip", "As each receiver's report tells it.", counters.round_trip)
        yield _histogram("jitter", "As each receiver's report says.", counters.jitter)
        yield _histogram("jitter_buffer", "What the live outlet waited when a report came.", counters.jitter_buffer)


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(f"rtcsplit_{name}_seconds", text)
    family.add_metric([], histogram.buckets(), histogram.sum)
    return family
