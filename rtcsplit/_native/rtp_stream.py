"""``csrc/rtp_stream.h``: the numbers of the stream that we send, shared with the batch path."""

from __future__ import annotations

from typing import Any

from ._rtcsplit import ffi, lib

__all__ = ["NativeStream"]


class NativeStream:
    """``struct rs_rtp_stream``, and what it takes to number one packet.

    Args:
        owner: of ``cdata``; None where this object is to own it.
        cdata: of the owner.

    Attributes:
        cdata: its fields are read where they are reported.
    """

    __slots__ = ("_header", "_octets", "_owner", "_step", "cdata")

    def __init__(self, owner: object = None, cdata: Any = None) -> None:
        self._owner = owner
        self.cdata = ffi.new("struct rs_rtp_stream *") if owner is None else cdata
        self._step = ffi.new("struct rs_rtp_step *")
        self._header = ffi.new("uint8_t[12]")
        self._octets = ffi.buffer(self._header)

    def begin(self, ssrc: int, sequence_number: int, timestamp: int) -> None:
        """Go on under an SSRC, from these numbers."""
        stream = self.cdata
        stream.ssrc, stream.sequence_number, stream.timestamp, stream.has_begun = ssrc, sequence_number, timestamp, 0

    def packet(
        self,
        payload: bytes,
        payload_type: int,
        clock_rate: int,
        duration: int,
        gap: int | None,
        marker: bool,
        now: float,
    ) -> bytes:
        """Return the next packet; with a gap of None, ``now`` tells how long the silence before it was."""
        step = self._step
        step.payload_type, step.clock_rate, step.duration, step.has_marker = payload_type, clock_rate, duration, marker
        step.gap, step.is_gap_by_now = gap or 0, gap is None
        lib.rs_rtp_stream_next(self.cdata, step, len(payload), now, self._header)
        return bytes(self._octets) + payload
