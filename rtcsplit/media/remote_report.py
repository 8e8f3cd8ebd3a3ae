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
    """

    __slots__ = ("fraction_lost", "jitter", "packets_lost", "round_trip_time")

    def __init__(self) -> None:
        self.round_trip_time: float | None = None
        self.fraction_lost: float | None = None
        self.packets_lost: int | None = None
        self.jitter: float | None = None

    def receive(self, report: ReceptionReport, clock_rate: int, ntp_time: int) -> None:
        """Take a block about our stream, whose clock is ``clock_rate``, received at ``ntp_time``."""
        self.fraction_lost = report.fraction_lost / 256
        self.packets_lost = report.packets_lost
        self.jitter = report.jitter / clock_rate
        if report.last_sr == 0:
            return
        units = (ntp_middle(ntp_time) - report.last_sr - report.delay_since_last_sr) & 0xFFFF_FFFF
        # Rounding, or a peer that overstates its delay, gives less than nothing.
        self.round_trip_time = units / 65536 if units < 0x8000_0000 else 0.0
