"""The peer's sources in one RTP session: bounded, expired, and added up (RFC 3550 section 6.3.5)."""

from __future__ import annotations

from .._native.rtp_source import NativeSource
from ..wire.rtcp import ReceptionReport
from .source import InboundSource
from .statistics import SourceStatistics

__all__ = ["SourceTable"]

MAX_SOURCES = 64
DEPARTURE_DELAY = 5.0  # seconds that the state of a source outlives its BYE


class SourceTable:
    """Up to 64 sources by SSRC, and the totals of those that are gone.

    Attributes:
        has_changed: a source came or went; for whoever keeps a copy, and clears it.
    """

    def __init__(self) -> None:
        self.has_changed = False
        self._sources: dict[int, InboundSource] = {}
        self._gone = (0, 0, 0)
        self.get = self._sources.get  # the packet path's lookup, without a frame of ours

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, ssrc: object) -> bool:
        return ssrc in self._sources

    @property
    def is_full(self) -> bool:
        """Whether one more source is one too many."""
        return len(self._sources) >= MAX_SOURCES

    @property
    def latest(self) -> list[NativeSource]:
        """The sources in the order that they came up in, the latest one first."""
        return [source.native for source in reversed(self._sources.values())]

    def add(self, source: InboundSource) -> None:
        """Take a new source; the table is not full."""
        self._sources[source.ssrc] = source
        self.has_changed = True

    def expire(self, timeout: float, now: float) -> None:
        """Forget sources whose BYE is long enough ago, and those not heard for ``timeout`` seconds."""
        for source in list(self._sources.values()):
            departed = source.departed_at is not None and now - source.departed_at >= DEPARTURE_DELAY
            if departed or now - source.last_heard >= timeout:
                self._gone = _add(self._gone, source)
                del self._sources[source.ssrc]
                self.has_changed = True

    def reports(self, now: float) -> list[ReceptionReport]:
        """Return a report block for each source heard since the last call, and begin their next interval."""
        blocks = [source.report(now) for source in self._sources.values()]
        return [block for block in blocks if block is not None]

    def totals(self) -> tuple[int, int, int]:
        """Return packets received, octets received and packets lost, of all sources that ever counted."""
        totals = self._gone
        for source in self._sources.values():
            totals = _add(totals, source)
        return totals

    def statistics(self) -> tuple[SourceStatistics, ...]:
        """Return one entry per source that has left probation, the one heard last first."""
        heard = sorted(
            (source for source in self._sources.values() if source.is_valid), key=lambda s: s.last_heard, reverse=True
        )
        return tuple(
            SourceStatistics(s.ssrc, s.packets_received, s.octets_received, s.packets_lost, s.jitter) for s in heard
        )


def _add(totals: tuple[int, int, int], source: InboundSource) -> tuple[int, int, int]:
    packets, octets, lost = totals
    return packets + source.packets_received, octets + source.octets_received, lost + source.packets_lost
