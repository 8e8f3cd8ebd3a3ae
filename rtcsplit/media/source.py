"""What a receiver knows of one synchronization source (RFC 3550 appendices A.1, A.3 and A.8).

Numbers go in, not packets, so that the same state serves a batch of facts. All sequence and timestamp arithmetic is
modulo 2**16 and 2**32 as the RFC's C is.
"""

from __future__ import annotations

from ..wire.ntp import ntp_middle
from ..wire.rtcp_packets import ReceptionReport

__all__ = ["InboundSource", "clamp_lost"]

# RFC 3550 appendix A.1
MAX_DROPOUT = 3000
MAX_MISORDER = 100
MIN_SEQUENTIAL = 2

# ours
_MIN_AUTHENTIC = 1  # SRTP has verified the packet: nothing that was sent to somebody else begins a source here

_SEQUENCE_MODULUS = 1 << 16


def clamp_lost(lost: int) -> int:
    """Return the number as the 24-bit signed field of a report holds it (RFC 3550 section 6.4.1)."""
    return max(-(1 << 23), min((1 << 23) - 1, lost))


class InboundSource:
    """One source: counted from its first packet, and once it said BYE, from two packets in sequence on.

    Attributes:
        ssrc: its identifier.
        octets_received: payload octets of the packets that counted.
        last_heard: time of its latest RTP or RTCP packet.
        departed_at: time of its BYE while nothing came after it, else None.
    """

    __slots__ = (
        "_bad_sequence",
        "_base_sequence",
        "_clock_rate",
        "_cycles",
        "_expected_prior",
        "_jitter",
        "_last_sr",
        "_last_sr_at",
        "_lost_before",
        "_max_sequence",
        "_probation",
        "_received",
        "_received_before",
        "_received_prior",
        "_transit",
        "departed_at",
        "last_heard",
        "octets_received",
        "ssrc",
    )

    _base_sequence: int
    _bad_sequence: int
    _max_sequence: int
    _cycles: int
    _received: int
    _received_prior: int
    _expected_prior: int

    def __init__(self, ssrc: int, sequence_number: int, clock_rate: int, now: float) -> None:
        self.ssrc = ssrc
        self.octets_received = 0
        self.last_heard = now
        self.departed_at: float | None = None
        self._clock_rate = clock_rate
        self._transit: int | None = None  # arrival less timestamp of the latest packet, in its clock
        self._jitter = 0  # in 1/16 of a timestamp unit
        self._last_sr = 0
        self._last_sr_at = 0.0
        self._received_before = self._lost_before = 0  # of the spans before each restart
        self._start(sequence_number)
        self._max_sequence = (sequence_number - 1) & 0xFFFF
        self._probation = _MIN_AUTHENTIC

    def receive(self, sequence_number: int, timestamp: int, octets: int, clock_rate: int, now: float) -> bool:
        """Count a packet.

        Args:
            sequence_number: of its header.
            timestamp: of its header.
            octets: of its payload.
            clock_rate: Hz, of its payload type.
            now: when it arrived.

        Returns:
            False where it does not count: the source said BYE and has not proved itself again, or the packet is so far
            from the others that only its successor will tell whether the source restarted.
        """
        self.last_heard = now
        delta = (sequence_number - self._max_sequence) & 0xFFFF
        if self._probation:
            if not self._prove(sequence_number, delta):
                return False
        elif delta < MAX_DROPOUT:
            if sequence_number < self._max_sequence:
                self._cycles += _SEQUENCE_MODULUS
            self._max_sequence = sequence_number
        elif delta <= _SEQUENCE_MODULUS - MAX_MISORDER:
            if sequence_number != self._bad_sequence:
                self._bad_sequence = (sequence_number + 1) & 0xFFFF
                return False
            self._restart(sequence_number)
        self._received += 1
        self.octets_received += octets
        if clock_rate != self._clock_rate:
            self._change_clock(clock_rate)
        transit = int(now * clock_rate + 0.5) - timestamp
        if self._transit is not None:
            difference = (transit - self._transit) & 0xFFFF_FFFF
            if difference & 0x8000_0000:
                difference = 0x1_0000_0000 - difference
            self._jitter += difference - (self._jitter + 8 >> 4)
        self._transit = transit
        return True

    def depart(self, now: float) -> None:
        """Take note of its BYE: what comes after it has to prove itself anew (RFC 3550 section 6.3.4)."""
        self.departed_at = self.last_heard = now
        self._restart(self._max_sequence)
        self._probation = MIN_SEQUENTIAL

    def note_sender_report(self, ntp_time: int, now: float) -> None:
        """Remember the NTP time of its SR, for LSR and DLSR."""
        self._last_sr = ntp_middle(ntp_time)
        self._last_sr_at = self.last_heard = now

    def report(self, now: float) -> ReceptionReport | None:
        """Return its report block and begin the next interval; None where no packet counted since the last one."""
        received_interval = self._received - self._received_prior
        if not received_interval:
            return None
        expected = self._expected()
        expected_interval = expected - self._expected_prior
        lost_interval = expected_interval - received_interval
        self._expected_prior = expected
        self._received_prior = self._received
        return ReceptionReport(
            ssrc=self.ssrc,
            fraction_lost=(lost_interval << 8) // expected_interval if lost_interval > 0 else 0,
            packets_lost=clamp_lost(expected - self._received),
            highest_sequence=(self._cycles + self._max_sequence) & 0xFFFF_FFFF,
            jitter=self._jitter >> 4,
            last_sr=self._last_sr,
            delay_since_last_sr=int((now - self._last_sr_at) * 65536 + 0.5) & 0xFFFF_FFFF if self._last_sr else 0,
        )

    @property
    def is_valid(self) -> bool:
        """Whether it has left probation."""
        return not self._probation

    @property
    def packets_received(self) -> int:
        """Packets that counted, over all restarts of the source."""
        return self._received_before + self._received

    @property
    def packets_lost(self) -> int:
        """Expected less received, over all restarts; negative with duplicates (W3C ``packetsLost``)."""
        return self._lost_before + (self._expected() - self._received if self._received else 0)

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds."""
        return (self._jitter >> 4) / self._clock_rate

    def _prove(self, sequence_number: int, delta: int) -> bool:
        self._max_sequence = sequence_number
        if delta != 1:
            self._probation = MIN_SEQUENTIAL - 1
            return False
        self._probation -= 1
        if self._probation:
            return False
        self._start(sequence_number)
        self.departed_at = None
        return True

    def _restart(self, sequence_number: int) -> None:
        self._lost_before = self.packets_lost
        self._received_before += self._received
        self._transit = None
        self._start(sequence_number)

    def _start(self, sequence_number: int) -> None:
        self._base_sequence = self._max_sequence = sequence_number
        self._bad_sequence = -1  # equal to no sequence number
        self._cycles = self._received = self._received_prior = self._expected_prior = 0

    def _expected(self) -> int:
        return self._cycles + self._max_sequence - self._base_sequence + 1

    def _change_clock(self, clock_rate: int) -> None:
        # Another payload type with another clock: the two transit times cannot be compared (RFC 7160 section 4.1).
        self._jitter = self._jitter * clock_rate // self._clock_rate
        self._clock_rate = clock_rate
        self._transit = None
