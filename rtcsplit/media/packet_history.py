"""Packets that were sent, protected, kept for a moment so that a NACK can have them again (RFC 4585 section 6.2.1).

What is kept is the datagram, and what is sent again is that datagram. Protecting a packet twice would need SRTP to
allow an index to repeat, and an AEAD that ever sees two plaintexts under one index has given both away (RFC 7714
section 8.1); so nothing here is able to. The receiver's replay list drops a copy that was not lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["PacketHistory"]

# All ours
MAX_PACKETS = 64
MAX_AGE = 1.0  # seconds; later than that no frame is of use
RESEND_SHARE = 0.25  # octets that may be sent again per octet sent
MAX_CREDIT = 2_500  # octets: the share of one second of the fastest Opus that is usual
DEFAULT_ROUND_TRIP_TIME = 0.1
MIN_ROUND_TRIP_TIME = 0.01  # the peer may say what it likes of its delays


@dataclass(slots=True)
class _Kept:
    datagram: bytes
    sent_at: float
    resent_at: float | None = None


class PacketHistory:
    """The latest packets of one stream.

    Attributes:
        packets_resent: how many were sent again.
        octets_resent: their octets, SRTP and all.
    """

    def __init__(self) -> None:
        self.packets_resent = self.octets_resent = 0
        self._packets: dict[tuple[int, int], _Kept] = {}
        self._credit = 0.0

    def __len__(self) -> int:
        return len(self._packets)

    def keep(self, datagram: bytes, now: float) -> None:
        """Keep an SRTP packet that is being sent; its header, in the clear, says which one it is."""
        self._credit = min(MAX_CREDIT, self._credit + RESEND_SHARE * len(datagram))
        key = int.from_bytes(datagram[8:12], "big"), int.from_bytes(datagram[2:4], "big")
        self._packets.pop(key, None)  # so that the order is that of sending
        self._packets[key] = _Kept(datagram, now)
        self._forget(now)

    def choose(
        self, ssrc: int, sequence_numbers: Iterable[int], round_trip_time: float | None, now: float
    ) -> list[bytes]:
        """Return the datagrams to send again, of those asked for.

        Left out are packets that are not kept any more, that were sent again within the last round trip, and what
        exceeds a quarter of what was sent.
        """
        self._forget(now)
        wait = DEFAULT_ROUND_TRIP_TIME if round_trip_time is None else max(MIN_ROUND_TRIP_TIME, round_trip_time)
        chosen = []
        for number in sequence_numbers:
            kept = self._packets.get((ssrc, number))
            if kept is None or (kept.resent_at is not None and now - kept.resent_at < wait):
                continue
            if len(kept.datagram) > self._credit:
                break
            kept.resent_at = now
            self._credit -= len(kept.datagram)
            self.packets_resent += 1
            self.octets_resent += len(kept.datagram)
            chosen.append(kept.datagram)
        return chosen

    def _forget(self, now: float) -> None:
        while self._packets:
            oldest = next(iter(self._packets))
            if len(self._packets) <= MAX_PACKETS and now - self._packets[oldest].sent_at <= MAX_AGE:
                break
            del self._packets[oldest]
