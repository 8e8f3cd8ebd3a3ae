"""What the calls of a voice application have counted and measured since its start: plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ..media.frame import Fate
from ..media.histogram import Histogram
from ..media.remote_report import RemoteReport
from ..media.statistics import RtpStatistics

__all__ = ["VoiceCounters", "VoiceTotals"]

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25)
_NETWORK = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)


class VoiceTotals(NamedTuple):
    """Sums over calls.

    Attributes:
        packets_sent: RTP packets.
        packets_unheard: of these, which the receivers reported missing.
        packets_lost: of the peers', which never came.
        packets_repaired: of the peers', which came because they had been asked for.
        late: packets that came after the live outlet had given their frame up.
        duplicates: packets whose frame had come already.
        underruns: how often speech was not written in time.
    """

    packets_sent: int = 0
    packets_unheard: int = 0
    packets_lost: int = 0
    packets_repaired: int = 0
    late: int = 0
    duplicates: int = 0
    underruns: int = 0

    @classmethod
    def of(cls, statistics: RtpStatistics | None, *, late: int, duplicates: int, underruns: int) -> VoiceTotals:
        """Return those of one call."""
        if statistics is None:
            return cls(late=late, duplicates=duplicates, underruns=underruns)
        return cls(
            packets_sent=statistics.packets_sent,
            packets_unheard=max(0, statistics.remote_packets_lost or 0),
            packets_lost=max(0, statistics.packets_lost),
            packets_repaired=statistics.packets_repaired,
            late=late,
            duplicates=duplicates,
            underruns=underruns,
        )

    def plus(self, others: VoiceTotals) -> VoiceTotals:
        """Return the sum of each."""
        return VoiceTotals(*map(sum, zip(self, others, strict=True)))

    def at_least(self, others: VoiceTotals) -> VoiceTotals:
        """Return the larger of each: a loss that turns out to be a delay does not make a counter fall."""
        return VoiceTotals(*map(max, self, others))


class VoiceCounters:
    """Of all calls of one application.

    Attributes:
        frames: of the live outlets, by what became of them.
        ended: sums over the calls that are over.
        flush: seconds from a flush that cut something off until the fade has left.
        round_trip: seconds, from each report of a receiver that tells it.
        jitter: seconds, as each such report says.
        jitter_buffer: seconds that the live outlet waited at that moment.
    """

    def __init__(self) -> None:
        self.frames: Counter[Fate] = Counter()
        self.ended = VoiceTotals()
        self.flush = Histogram(_SHORT)
        self.round_trip = Histogram(_NETWORK)
        self.jitter = Histogram(_SHORT)
        self.jitter_buffer = Histogram(_NETWORK)
        self._told = VoiceTotals()

    def note_report(self, report: RemoteReport, waiting: float | None) -> None:
        """A receiver reported; ``waiting`` is the live outlet's target in seconds, None before the first packet."""
        if report.round_trip_time is not None:
            self.round_trip.add(report.round_trip_time)
        if report.jitter is not None:
            self.jitter.add(report.jitter)
        if waiting is not None:
            self.jitter_buffer.add(waiting)

    def totals(self, living: Iterable[VoiceTotals]) -> VoiceTotals:
        """Return the sums over all calls, given those that live."""
        totals = self.ended
        for call in living:
            totals = totals.plus(call)
        self._told = totals.at_least(self._told)
        return self._told
