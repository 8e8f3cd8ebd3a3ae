"""``csrc/rtp_source.h``: one source's sequence numbers, loss and jitter, shared with the batch path."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ._rtcsplit import ffi, lib

__all__ = ["NativeSource"]

_SOURCE = ffi.typeof("struct rs_rtp_source *")


class NativeSource:
    """``struct rs_rtp_source``.

    Args:
        ssrc: its identifier.
        sequence_number: of its first packet, which :attr:`receive` gets next.
        clock_rate: Hz, of that packet's payload type.
        probation: packets in sequence that it takes to count.
        now: monotonic seconds.

    Attributes:
        cdata: for the other wrappers; valid while this object lives. Its fields are read where they are reported.
        receive: counts a packet, given its sequence number, timestamp, octets of payload, clock rate and ``now``;
            False where it does not count. Without a frame of ours.
    """

    __slots__ = ("cdata", "receive")

    def __init__(self, ssrc: int, sequence_number: int, clock_rate: int, probation: int, now: float) -> None:
        self.cdata = ffi.new(_SOURCE)
        lib.rs_rtp_source_init(self.cdata, ssrc, sequence_number, clock_rate, probation, now)
        self.receive: Callable[[int, int, int, int, float], bool] = partial(lib.rs_rtp_source_receive, self.cdata)

    def depart(self, probation: int, now: float) -> None:
        """Take note of its BYE."""
        lib.rs_rtp_source_depart(self.cdata, probation, now)

    @property
    def expected(self) -> int:
        """Packets since the latest restart, lost ones included."""
        return int(lib.rs_rtp_source_expected(self.cdata))

    @property
    def lost(self) -> int:
        """Expected less received, over all restarts."""
        return int(lib.rs_rtp_source_lost(self.cdata))
