"""How much may be outstanding, and how long to wait for an acknowledgement (RFC 9260 sections 6.3 and 7.2)."""

from __future__ import annotations

from .sctp_packet import MAX_PACKET
from .sctp_serial import is_after

__all__ = ["MAX_BURST", "RTO_MAX", "CongestionWindow", "RetransmissionTimeout"]

_MTU = MAX_PACKET - 12  # the RFC's PMDCS: octets of chunks in one packet
MAX_BURST = 4  # packets at once (section 6.1 D)
_MAX_WINDOW = 1024 * 1024  # ours: outstanding data costs us memory

RTO_INITIAL = 0.5
RTO_MAX = 10.0
# Ours; the RFC's minimum is 1 s. A peer may wait 0.2 s with its SACK, and a call does not wait a second for a lost
# event that nothing follows. Both stand in docs/explanation/deviations.md.
RTO_MIN = 0.3
_ACK_DELAY_ALLOWANCE = 0.25


class CongestionWindow:
    """Slow start, congestion avoidance and fast recovery, in octets of chunks.

    Attributes:
        size: how much may be outstanding.
        threshold: slow start ends there.
    """

    def __init__(self) -> None:
        self.size = min(4 * _MTU, max(2 * _MTU, 4404))
        self.threshold = _MAX_WINDOW
        self._partial = 0
        self._recovery_ends_at: int | None = None
        self._last_sent_at: float | None = None

    @property
    def is_recovering(self) -> bool:
        """Whether a loss was seen whose data is not all acknowledged yet (section 7.2.4)."""
        return self._recovery_ends_at is not None

    def acknowledged(self, octets: int, cumulative_tsn: int, *, was_full: bool) -> None:
        """The cumulative TSN advanced and ``octets`` are no longer outstanding (sections 7.2.1 and 7.2.2).

        Args:
            octets: newly acknowledged.
            cumulative_tsn: up to where.
            was_full: whether the window was used up before.
        """
        if self._recovery_ends_at is not None:
            if not is_after(self._recovery_ends_at, cumulative_tsn):
                self._recovery_ends_at = None
            return
        if not was_full:
            return
        if self.size <= self.threshold:
            self.size += min(octets, _MTU)
        else:
            self._partial += octets
            if self._partial >= self.size:
                self._partial -= self.size
                self.size += _MTU
        self.size = min(self.size, _MAX_WINDOW)

    def lost(self, highest_tsn: int) -> bool:
        """A fast retransmission is due; return whether it is the first of its recovery (section 7.2.4).

        Args:
            highest_tsn: the last one that is outstanding; the recovery ends with its acknowledgement.
        """
        if self._recovery_ends_at is not None:
            return False
        self._reduce()
        self.size = self.threshold
        self._recovery_ends_at = highest_tsn
        return True

    def timed_out(self) -> None:
        """Nothing was acknowledged for too long (section 7.2.3)."""
        self._reduce()
        self.size = _MTU
        self._recovery_ends_at = None

    def sent(self, now: float, rto: float) -> None:
        """Data leaves; after idle times the window is halved once for each timeout (section 7.2.1)."""
        if self._last_sent_at is not None:
            idle = now - self._last_sent_at
            while idle > rto and self.size > 4 * _MTU:
                self.threshold = max(self.threshold, self.size)
                self.size = max(self.size // 2, 4 * _MTU)
                idle -= rto
        self._last_sent_at = now

    def _reduce(self) -> None:
        self.threshold = max(self.size // 2, 4 * _MTU)
        self._partial = 0


class RetransmissionTimeout:
    """Smoothed round trip time and its variation.

    Attributes:
        seconds: until outstanding data counts as lost.
        round_trip_time: smoothed, None before the first measurement.
    """

    def __init__(self) -> None:
        self.seconds = RTO_INITIAL
        self.round_trip_time: float | None = None
        self._variation = 0.0

    def measured(self, sample: float) -> None:
        """Take the round trip time of data that was sent once (section 6.3.1)."""
        if self.round_trip_time is None:
            self.round_trip_time = sample
            self._variation = sample / 2
        else:
            self._variation += (abs(self.round_trip_time - sample) - self._variation) / 4
            self.round_trip_time += (sample - self.round_trip_time) / 8
        timeout = self.round_trip_time + max(4 * self._variation, _ACK_DELAY_ALLOWANCE)
        self.seconds = min(max(timeout, RTO_MIN), RTO_MAX)

    def back_off(self) -> None:
        """Wait twice as long from now on (section 6.3.3)."""
        self.seconds = min(2 * self.seconds, RTO_MAX)
