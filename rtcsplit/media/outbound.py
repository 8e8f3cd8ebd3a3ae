"""The one RTP stream that we send (RFC 3550 section 5.1): what it is called, and what it has sent.

Sequence numbers, timestamps and headers are made in C (``csrc/rtp_stream.h``), packet by packet or in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from .._native.rtp_stream import NativeStream

__all__ = ["OutboundStream"]

# SRTP's rollover counter starts at 0 on both sides: were the first packets lost behind a start near 65,535, the
# receiver would count one wrap less than we do (RFC 3711 section 3.3.1 permits no other start).
FIRST_SEQUENCE_LIMIT = 1 << 15


class OutboundStream:
    """Numbers what we send, under one SSRC at a time.

    Args:
        ssrc: ours; random where None.
        clock_rate: Hz, until a packet says another.
        random: returns that many random octets.
        native: its numbers, where the batch path knows them too.
    """

    __slots__ = ("_native", "_octets_before", "_packets_before", "_random", "_used_ssrcs")

    def __init__(
        self, ssrc: int | None, clock_rate: int, random: Callable[[int], bytes], native: NativeStream | None = None
    ) -> None:
        self._random = random
        self._native = native or NativeStream()
        self._native.cdata.clock_rate = clock_rate
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
        return self._native.packet(payload, payload_type, clock_rate, duration, gap, marker, now)

    def timestamp_at(self, now: float) -> int:
        """Return the RTP timestamp of an instant: what an SR pairs with its NTP time (RFC 3550 section 6.4.1)."""
        numbers = self._native.cdata
        ahead = numbers.horizon - now if numbers.has_begun else 0.0
        return int(numbers.timestamp - round(ahead * numbers.clock_rate)) & 0xFFFF_FFFF

    @property
    def ssrc(self) -> int:
        """Ours."""
        return int(self._native.cdata.ssrc)

    @property
    def clock_rate(self) -> int:
        """Hz, of the latest packet."""
        return int(self._native.cdata.clock_rate)

    @property
    def packets_sent(self) -> int:
        """In all."""
        return int(self._native.cdata.packets)

    @property
    def octets_sent(self) -> int:
        """Payload octets in all."""
        return int(self._native.cdata.octets)

    @property
    def sequence_number(self) -> int:
        """Of the latest packet; of the one before the first where there is none."""
        return int(self._native.cdata.sequence_number - 1) & 0xFFFF

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
        self._used_ssrcs.add(ssrc)
        sequence_number = int.from_bytes(self._random(2), "big") % FIRST_SEQUENCE_LIMIT
        self._native.begin(ssrc, sequence_number, int.from_bytes(self._random(4), "big"))

    def _random_ssrc(self, taken: Container[int]) -> int:
        ssrc = int.from_bytes(self._random(4), "big")
        while ssrc in taken or ssrc in self._used_ssrcs:
            ssrc = (ssrc + 1) & 0xFFFF_FFFF
        return ssrc
