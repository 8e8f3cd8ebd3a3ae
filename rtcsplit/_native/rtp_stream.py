"""``csrc/rtp_stream.h``: the numbers of the stream that we send, shared with the batch path.

A packet that Python sends is numbered here, by the same rules as in C: every call into C gives Python's lock away, and
beside a busy codec thread it took 30 us to come back, for work of one. ``tests/property/test_rtp_stream.py`` holds the
two together.
"""

from __future__ import annotations

import struct
from typing import Any

from ._rtcsplit import ffi, lib

__all__ = ["NativeStream"]

_HEADER = struct.Struct("!BBHLL")
_VERSION = 0x80
_MARKER = 0x80
_SILENCE: float = lib.RS_RTP_SILENCE


class NativeStream:
    """``struct rs_rtp_stream``, and what it takes to number one packet.

    Args:
        owner: of ``cdata``; None where this object is to own it.
        cdata: of the owner.

    Attributes:
        cdata: its fields are read where they are reported.
    """

    __slots__ = ("_owner", "cdata")

    def __init__(self, owner: object = None, cdata: Any = None) -> None:
        self._owner = owner
        self.cdata = ffi.new("struct rs_rtp_stream *") if owner is None else cdata

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
        stream = self.cdata
        has_begun = stream.has_begun
        horizon = stream.horizon if has_begun else now
        if gap is None:
            gap = _gap_by(now - horizon, clock_rate, duration)
            marker = marker or gap > 0
        number, timestamp = stream.sequence_number, (stream.timestamp + gap) & 0xFFFF_FFFF
        second_octet = payload_type if has_begun and not marker else payload_type | _MARKER
        stream.sequence_number = (number + 1) & 0xFFFF
        stream.timestamp = (timestamp + duration) & 0xFFFF_FFFF
        stream.horizon = max(horizon + gap / clock_rate, now) + duration / clock_rate
        stream.has_begun = 1
        stream.clock_rate = clock_rate
        stream.packets += 1
        stream.octets += len(payload)
        return _HEADER.pack(_VERSION, second_octet, number, timestamp, stream.ssrc) + payload


def _gap_by(behind: float, clock_rate: int, duration: int) -> int:
    """Whole durations, rounded up: what is left behind at each silence would add up."""
    if not behind > _SILENCE:
        return 0
    return -(-int(behind * clock_rate) // duration) * duration & 0xFFFF_FFFF
