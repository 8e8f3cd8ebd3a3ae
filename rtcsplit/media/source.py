"""What a receiver knows of one synchronization source (RFC 3550 appendices A.1, A.3 and A.8).

What a packet changes is counted in C (``csrc/rtp_source.h``), one by one or in a batch; here it is read, when a report
or statistics are due.
"""

from __future__ import annotations

from .._native.rtp_source import NativeSource
from ..wire.ntp import ntp_middle
from ..wire.rtcp_packets import ReceptionReport

__all__ = ["InboundSource", "clamp_lost"]

# RFC 3550 appendix A.1
MIN_SEQUENTIAL = 2

# ours
_MIN_AUTHENTIC = 1  # SRTP has verified the packet: nothing that was sent to somebody else begins a source here


def clamp_lost(lost: int) -> int:
    """Return the number as the 24-bit signed field of a report holds it (RFC 3550 section 6.4.1)."""
    return max(-(1 << 23), min((1 << 23) - 1, lost))


class InboundSource:
    """One source: counted from its first packet, and once it said BYE, from two packets in sequence on.

    Attributes:
        ssrc: its identifier.
        native: its counts, for the batch path.
        receive: counts a packet, given its sequence number, timestamp, octets of payload, clock rate in Hz and ``now``.
            False where it does not count: the source said BYE and has not proved itself again, or the packet is so far
            from the others that only its successor will tell whether the source restarted.
    """

    __slots__ = ("_departed_at", "_last_sr", "_last_sr_at", "native", "receive", "ssrc")

    def __init__(self, ssrc: int, sequence_number: int, clock_rate: int, now: float) -> None:
        self.ssrc = ssrc
        self.native = NativeSource(ssrc, sequence_number, clock_rate, _MIN_AUTHENTIC, now)
        self.receive = self.native.receive
        self._departed_at = now
        self._last_sr = 0
        self._last_sr_at = 0.0

    def depart(self, now: float) -> None:
        """Take note of its BYE: what comes after it has to prove itself anew (RFC 3550 section 6.3.4)."""
        self._departed_at = now
        self.native.depart(MIN_SEQUENTIAL, now)

    def note_heard(self, now: float) -> None:
        """Take note of its RTCP."""
        self.native.cdata.last_heard = now

    def note_sender_report(self, ntp_time: int, now: float) -> None:
        """Remember the NTP time of its SR, for LSR and DLSR."""
        self._last_sr = ntp_middle(ntp_time)
        self._last_sr_at = now
        self.note_heard(now)

    def report(self, now: float) -> ReceptionReport | None:
        """Return its report block and begin the next interval; None where no packet counted since the last one."""
        counts = self.native.cdata
        received_interval = counts.received - counts.received_prior
        if not received_interval:
            return None
        expected = self.native.expected
        expected_interval = expected - counts.expected_prior
        lost_interval = expected_interval - received_interval
        counts.expected_prior, counts.received_prior = expected, counts.received
        return ReceptionReport(
            ssrc=self.ssrc,
            fraction_lost=(lost_interval << 8) // expected_interval if lost_interval > 0 else 0,
            packets_lost=clamp_lost(expected - counts.received),
            highest_sequence=(counts.wraps << 16 | counts.max_sequence) & 0xFFFF_FFFF,
            jitter=min(counts.jitter >> 4, 0xFFFF_FFFF),  # a change of clock rate scales it beyond its field
            last_sr=self._last_sr,
            delay_since_last_sr=int((now - self._last_sr_at) * 65536 + 0.5) & 0xFFFF_FFFF if self._last_sr else 0,
        )

    @property
    def is_valid(self) -> bool:
        """Whether it counts: it has not departed, or has proved itself since."""
        return not self.native.cdata.probation

    @property
    def last_heard(self) -> float:
        """Time of its latest RTP or RTCP packet."""
        return float(self.native.cdata.last_heard)

    @property
    def departed_at(self) -> float | None:
        """Time of its BYE while nothing came after it that counts, else None."""
        return self._departed_at if self.native.cdata.has_departed else None

    @property
    def packets_received(self) -> int:
        """Packets that counted, over all restarts of the source."""
        return int(self.native.cdata.received_before + self.native.cdata.received)

    @property
    def octets_received(self) -> int:
        """Their payload octets."""
        return int(self.native.cdata.octets)

    @property
    def packets_lost(self) -> int:
        """Expected less received, over all restarts; negative with duplicates (W3C ``packetsLost``)."""
        return self.native.lost

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds."""
        return float((self.native.cdata.jitter >> 4) / self.native.cdata.clock_rate)
