"""The one RTP stream that we send (RFC 3550 section 5.1): its numbers, its clock and its counts.

The stream keeps a *horizon*: the time at which what was sent so far has been played if the first packet plays at
once. The next packet's timestamp is the instant of the horizon, so a sender that runs ahead of real time (generated
speech) gets contiguous timestamps, and one that falls behind by more than ``SILENCE`` has been silent.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container

__all__ = ["OutboundStream"]

SILENCE = 0.1  # seconds behind the horizon; less is taken for a late timer, and timestamps stay contiguous
# SRTP's rollover counter starts at 0 on both sides: were the first packets lost behind a start near 65,535, the
# receiver would count one wrap less than we do (RFC 3711 section 3.3.1 permits no other start).
FIRST_SEQUENCE_LIMIT = 1 << 15

_HEADER = struct.Struct(">BBHII")


class OutboundStream:
    """Numbers what we send, under one SSRC at a time.

    Attributes:
        ssrc: ours.
        clock_rate: Hz, of the latest packet.
        packets_sent: in all.
        octets_sent: payload octets in all.
    """

    __slots__ = (
        "_horizon",
        "_octets_before",
        "_packets_before",
        "_random",
        "_sequence_number",
        "_timestamp",
        "_used_ssrcs",
        "clock_rate",
        "octets_sent",
        "packets_sent",
        "ssrc",
    )

    ssrc: int
    _sequence_number: int
    _timestamp: int  # of the next packet
    _horizon: float | None  # when the next packet plays; None before the first

    def __init__(self, ssrc: int | None, clock_rate: int, random: Callable[[int], bytes]) -> None:
        self._random = random
        self.clock_rate = clock_rate
        self.packets_sent = self.octets_sent = 0
        self._packets_before = self._octets_before = 0  # under earlier SSRCs
        self._used_ssrcs: set[int] = set()
        self._begin(self._random_ssrc(()) if ssrc is None else ssrc)

    def packet(
        self,
        payload: bytes,
        *,
        payload_type: int,
        clock_rate: int,
        duration: int,
        gap: int | None,
        marker: bool,
        now: float,
    ) -> bytes:
        """Return the next packet; arguments as in ``RtpSession.send``, already checked."""
        horizon = now if self._horizon is None else self._horizon
        if gap is None:
            behind = now - horizon
            # Whole durations keep the timestamps on the grid of the frames before the silence.
            gap = int(behind * clock_rate) // duration * duration if behind > SILENCE else 0
            marker = marker or gap > 0
        timestamp = (self._timestamp + gap) & 0xFFFF_FFFF
        header = _HEADER.pack(
            0x80,
            payload_type | 0x80 if marker or self._horizon is None else payload_type,
            self._sequence_number,
            timestamp,
            self.ssrc,
        )
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        self._timestamp = (timestamp + duration) & 0xFFFF_FFFF
        self._horizon = max(horizon + gap / clock_rate, now) + duration / clock_rate
        self.clock_rate = clock_rate
        self.packets_sent += 1
        self.octets_sent += len(payload)
        return header + payload

    def timestamp_at(self, now: float) -> int:
        """Return the RTP timestamp of an instant: what an SR pairs with its NTP time (RFC 3550 section 6.4.1)."""
        ahead = 0.0 if self._horizon is None else self._horizon - now
        return (self._timestamp - round(ahead * self.clock_rate)) & 0xFFFF_FFFF

    @property
    def sequence_number(self) -> int:
        """Of the latest packet; of the one before the first where there is none."""
        return (self._sequence_number - 1) & 0xFFFF

    @property
    def ssrc_packets_sent(self) -> int:
        """Packets under the present SSRC, as an SR counts them (RFC 3550 section 6.4.1)."""
        return self.packets_sent - self._packets_before

    @property
    def ssrc_octets_sent(self) -> int:
        """Payload octets under the present SSRC."""
        return self.octets_sent - self._octets_before

    @property
    def ssrcs_used(self) -> int:
        """How many SSRCs this stream has had."""
        return len(self._used_ssrcs)

    def change_ssrc(self, taken: Container[int]) -> None:
        """Go on under an SSRC that is neither ``taken`` nor was ever ours.

        An SSRC never comes back under the same keys: with it an AEAD's IV would (RFC 7714 section 8.1).
        """
        self._packets_before, self._octets_before = self.packets_sent, self.octets_sent
        self._begin(self._random_ssrc(taken))

    def _begin(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self._used_ssrcs.add(ssrc)
        self._sequence_number = int.from_bytes(self._random(2), "big") % FIRST_SEQUENCE_LIMIT
        self._timestamp = int.from_bytes(self._random(4), "big")
        self._horizon = None

    def _random_ssrc(self, taken: Container[int]) -> int:
        ssrc = int.from_bytes(self._random(4), "big")
        while ssrc in taken or ssrc in self._used_ssrcs:
            ssrc = (ssrc + 1) & 0xFFFF_FFFF
        return ssrc
