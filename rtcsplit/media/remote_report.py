"""What the peer reports on the stream that we send (RFC 3550 section 6.4.1)."""

from __future__ import annotations

from ..wire.ntp import ntp_middle
from ..wire.rtcp import ReceptionReport

__all__ = ["RemoteReport"]


class RemoteReport:
    """The latest report block on our stream, and the round trip that it tells.

    Attributes:
        round_trip_time: seconds; None before the first block that answers one of our SRs.
        fraction_lost: 0..1 over the peer's latest interval; None before the first block, as the next two.
        packets_lost: in all.
        jitter: seconds.
        packets_behind: how many of the packets sent when the block came are beyond the highest one that it names.
        received_at: when the block came.
    """

    __slots__ = ("fraction_lost", "jitter", "packets_behind", "packets_lost", "received_at", "round_trip_time")

    def __init__(self) -> None:
        self.round_trip_time: float | None = None
        self.fraction_lost: float | None = None
        self.packets_lost: int | None = None
        self.jitter: float | None = None
        self.packets_behind: int | None = None
        self.received_at: float | None = None

    def receive(
        self, report: ReceptionReport, clock_rate: int, sequence_number: int, *, ntp_time: int, now: float
    ) -> None:
        """Take a block about our stream.

        Args:
            report: the block.
            clock_rate: of the stream.
            sequence_number: of the latest packet that we have sent.
            ntp_time: when the block came.
            now: the same, in monotonic seconds.
        """
        self.received_at = now
        self.packets_behind = (sequence_number - report.highest_sequence) & 0xFFFF
        self.fraction_lost = report.fraction_lost / 256
        self.packets_lost = report.packets_lost
        self.jitter = report.jitter / clock_rate
        if report.last_sr == 0:
            return
        units = (ntp_middle(ntp_time) - report.last_sr - report.delay_since_last_sr) & 0xFFFF_FFFF
        # Rounding, or a peer that overstates its delay, gives less than nothing.
        self.round_trip_time = units / 65536 if units < 0x8000_0000 else 0.0
