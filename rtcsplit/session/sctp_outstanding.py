"""Every TSN from the first that is not acknowledged to the last that was given out (RFC 9260 section 6, RFC 3758).

A chunk counts as missed when something that was sent after its own last transmission is acknowledged before it, so
that a repetition which is lost too is noticed by SACKs, not by the timer.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from .sctp_chunks import ForwardTsn, Sack
from .sctp_send_queue import OutboundMessage
from .sctp_serial import TSN_MASK, is_after

__all__ = ["Outstanding", "SentChunk", "SentState"]

_MISSES = 3  # RFC 9260 section 7.2.4
_MAX_SKIPPED = 256  # streams in one FORWARD TSN


class SentState(Enum):
    """What is known of a TSN that was given out."""

    IN_FLIGHT = auto()
    ACKED = auto()  # by a gap ack block; the peer may still renege on it
    LOST = auto()  # to be sent again
    ABANDONED = auto()  # not to be sent again


_MISSING = (SentState.IN_FLIGHT, SentState.LOST)


class SentChunk:
    """One TSN that was given out, with its DATA chunk."""

    __slots__ = ("message", "misses", "octets", "order", "sent_at", "state", "transmissions", "tsn")

    def __init__(self, tsn: int, octets: bytes, message: OutboundMessage) -> None:
        self.tsn = tsn
        self.octets = octets
        self.message = message
        self.state = SentState.LOST
        self.misses = 0
        self.transmissions = 0
        self.order = 0
        self.sent_at = 0.0


class Outstanding:
    """The sender's account of TSNs.

    Args:
        initial_tsn: our first one.

    Attributes:
        next_tsn: the next to be given out.
        acked: the peer has everything up to here, or gave it up with us.
        flight: octets of chunks that are on their way.
        lost: chunks to be sent again, in order.
    """

    def __init__(self, initial_tsn: int) -> None:
        self.next_tsn = initial_tsn
        self.acked = (initial_tsn - 1) & TSN_MASK
        self.flight = 0
        self.lost: dict[int, SentChunk] = {}
        self._sent: dict[int, SentChunk] = {}  # in order of TSN, without holes
        self._order = 0

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def first(self) -> SentChunk | None:
        """The earliest one."""
        return next(iter(self._sent.values()), None)

    @property
    def must_forward(self) -> bool:
        """Whether the peer has to be told that the earliest one will never come."""
        return self.first is not None and self.first.state is SentState.ABANDONED

    def add(self, octets: bytes, message: OutboundMessage) -> SentChunk:
        """Give out the next TSN to a chunk that carries it."""
        chunk = SentChunk(self.next_tsn, octets, message)
        self._sent[chunk.tsn] = chunk
        message.tsns.append(chunk.tsn)
        self.next_tsn = (self.next_tsn + 1) & TSN_MASK
        return chunk

    def transmit(self, chunk: SentChunk, now: float) -> None:
        """Note that ``chunk``, which is new or lost, leaves now."""
        self.lost.pop(chunk.tsn, None)
        self._order += 1
        chunk.order = self._order
        chunk.state = SentState.IN_FLIGHT
        chunk.misses = 0
        chunk.transmissions += 1
        chunk.sent_at = now
        self.flight += len(chunk.octets)

    def acknowledge(self, sack: Sack) -> list[SentChunk]:
        """Settle what ``sack`` has; its cumulative TSN is between ``acked`` and ``next_tsn``. Return what is new."""
        return [*self._take_cumulative(sack.cumulative_tsn), *self._take_gaps(sack)]

    def count_misses(self, sack: Sack, fresh: list[SentChunk]) -> list[SentChunk]:
        """Return the chunks that are lost by the evidence of ``sack`` and those before it (section 7.2.4)."""
        if not sack.gaps or not fresh:
            return []
        newest = max(chunk.order for chunk in fresh)
        edge = (sack.cumulative_tsn + sack.gaps[-1][1]) & TSN_MASK
        missed = []
        for tsn, chunk in self._sent.items():
            if not is_after(edge, tsn):
                break
            if chunk.state is SentState.IN_FLIGHT and chunk.order < newest:
                chunk.misses += 1
                if chunk.misses >= _MISSES:
                    missed.append(chunk)
        return missed

    def unsettled(self) -> list[SentChunk]:
        """Return what is in flight, and what the peer could still renege on."""
        return [chunk for chunk in self._sent.values() if chunk.state in (SentState.IN_FLIGHT, SentState.ACKED)]

    def lose(self, chunk: SentChunk) -> None:
        """``chunk`` is to be sent again."""
        self._settle(chunk, SentState.LOST)
        self.lost[chunk.tsn] = chunk

    def abandon(self, message: OutboundMessage) -> None:
        """Nothing of ``message`` is to be sent again."""
        for tsn in message.tsns:
            chunk = self._sent.get(tsn)
            if chunk is not None:
                self._settle(chunk, SentState.ABANDONED)
                chunk.octets = b""

    def forward_tsn(self) -> ForwardTsn | None:
        """Return how far the peer need not wait any more (RFC 3758 section 3.5, C1 to C4)."""
        point = None
        skipped: dict[int, int] = {}
        for tsn, chunk in self._sent.items():
            message = chunk.message
            is_full = len(skipped) >= _MAX_SKIPPED and message.stream_id not in skipped
            if chunk.state is not SentState.ABANDONED or (message.is_ordered and is_full):
                break
            if message.is_ordered:
                skipped[message.stream_id] = message.ssn
            point = tsn
        return None if point is None else ForwardTsn(point, tuple(skipped.items()))

    def reset_stream(self, stream_id: int) -> None:
        """Stream sequence numbers begin anew: those that were given up mean nothing any more."""
        for chunk in self._sent.values():
            if chunk.message.stream_id == stream_id:
                chunk.message.is_ordered = False

    def _take_cumulative(self, cumulative_tsn: int) -> Iterator[SentChunk]:
        while self.acked != cumulative_tsn:
            self.acked = (self.acked + 1) & TSN_MASK
            chunk = self._sent.pop(self.acked)
            if chunk.state in _MISSING:
                self._settle(chunk, SentState.ACKED)
                yield chunk

    def _take_gaps(self, sack: Sack) -> Iterator[SentChunk]:
        for first, last in sack.gaps:
            for offset in range(first, min(last, len(self._sent)) + 1):
                chunk = self._sent[(sack.cumulative_tsn + offset) & TSN_MASK]
                if chunk.state in _MISSING:
                    self._settle(chunk, SentState.ACKED)
                    yield chunk

    def _settle(self, chunk: SentChunk, state: SentState) -> None:
        if chunk.state is SentState.IN_FLIGHT:
            self.flight -= len(chunk.octets)
        self.lost.pop(chunk.tsn, None)
        chunk.state = state
