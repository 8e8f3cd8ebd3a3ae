"""The sending half of an association (RFC 9260 sections 6 and 7, RFC 3758 section 3.5)."""

from __future__ import annotations

from collections.abc import Iterator

from ..drops import DropReason
from .sctp_chunks import MAX_PAYLOAD, Data, Sack
from .sctp_congestion import MAX_BURST, CongestionWindow, RetransmissionTimeout
from .sctp_outstanding import Outstanding, SentChunk, SentState
from .sctp_packet import MAX_PACKET
from .sctp_send_queue import Fragment, SendQueue
from .sctp_serial import TSN_MASK, is_after

__all__ = ["MAX_RETRANSMISSIONS", "Outbound"]

MAX_RETRANSMISSIONS = 10  # timeouts in a row without any SACK (RFC 9260 section 16)
_PACKET = MAX_PACKET - 12
_LARGEST_CHUNK = MAX_PAYLOAD + 16


class Outbound:
    """What we send.

    Args:
        initial_tsn: our first TSN.

    Attributes:
        queue: what waits to be sent.
        rto: the retransmission timeout.
        timer_at: when :meth:`handle_timer` is due (T3-rtx), None while nothing is outstanding.
    """

    def __init__(self, initial_tsn: int) -> None:
        self.queue = SendQueue()
        self.rto = RetransmissionTimeout()
        self.timer_at: float | None = None
        self._outstanding = Outstanding(initial_tsn)
        self._congestion = CongestionWindow()
        self._peer_window = 0
        self._can_forward = False
        self._is_forward_due = False
        self._has_free_retransmission = False
        self._credit = 0  # octets acknowledged since something was sent
        self._probe: SentChunk | None = None  # the chunk by which the round trip is measured
        self._timeouts = 0

    @property
    def last_tsn(self) -> int:
        """The last TSN that was given out."""
        return (self._outstanding.next_tsn - 1) & TSN_MASK

    @property
    def is_idle(self) -> bool:
        """Whether everything was sent and acknowledged."""
        return not self.queue and not self._outstanding

    @property
    def has_failed(self) -> bool:
        """Whether the peer has been silent for too long."""
        return self._timeouts > MAX_RETRANSMISSIONS

    def start(self, peer_window: int, *, can_forward: bool) -> None:
        """The association stands.

        Args:
            peer_window: octets that the peer takes.
            can_forward: whether it knows FORWARD TSN; without it nothing is ever given up.
        """
        self._peer_window = peer_window
        self._can_forward = can_forward

    def chunks_to_send(self, now: float) -> list[bytes]:
        """Return what may leave now: FORWARD TSN, repetitions, then new data (RFC 9260 section 6.1)."""
        chunks = []
        if self._is_forward_due:
            self._is_forward_due = False
            forward = self._outstanding.forward_tsn()
            if forward is not None:
                chunks.append(forward.build())
        limit = self._burst_limit()
        chunks += self._retransmissions(limit, now)
        chunks += self._new_data(limit, now)
        self._credit = 0
        if chunks and self.timer_at is None:
            self.timer_at = now + self.rto.seconds
        return chunks

    def receive_sack(self, sack: Sack, now: float) -> DropReason | None:
        """Take a SACK; return why not, or None, also for one that a newer one has overtaken."""
        outstanding = self._outstanding
        if is_after(outstanding.acked, sack.cumulative_tsn):
            return None
        if not is_after(outstanding.next_tsn, sack.cumulative_tsn):
            return DropReason.SCTP_UNEXPECTED
        was_full = outstanding.flight >= self._congestion.size
        has_advanced = sack.cumulative_tsn != outstanding.acked
        fresh = outstanding.acknowledge(sack)
        self._measure(fresh, now)
        octets = sum(len(chunk.octets) for chunk in fresh)
        self._credit += octets
        if has_advanced:
            self._congestion.acknowledged(octets, sack.cumulative_tsn, was_full=was_full)
        self._repair(outstanding.count_misses(sack, fresh), now)
        self._peer_window = sack.window
        self._timeouts = 0
        self._is_forward_due = outstanding.must_forward
        if not outstanding.flight and not outstanding.must_forward:
            self.timer_at = None
        elif has_advanced or self.timer_at is None:
            self.timer_at = now + self.rto.seconds
        return None

    def handle_timer(self, now: float) -> None:
        """Consider everything outstanding lost when its time is over (RFC 9260 section 6.3.3).

        Gap acknowledgements are forgotten too: nothing forbids the peer to renege on them.
        """
        if self.timer_at is None or now < self.timer_at:
            return
        self.timer_at = None
        self._timeouts += 1
        self._has_free_retransmission = False
        self.rto.back_off()
        self._congestion.timed_out()
        for chunk in self._outstanding.unsettled():
            self._lose(chunk, now)
        self._is_forward_due = self._outstanding.must_forward

    def reset_stream(self, stream_id: int) -> None:
        """The peer has reset this stream: begin anew, and skip nothing on it any more."""
        self.queue.reset_stream(stream_id)
        self._outstanding.reset_stream(stream_id)

    def _retransmissions(self, limit: int, now: float) -> Iterator[bytes]:
        outstanding = self._outstanding
        free = _PACKET if self._has_free_retransmission else 0  # section 7.2.4: the first packet ignores the window
        self._has_free_retransmission = False
        for chunk in list(outstanding.lost.values()):
            if outstanding.flight >= limit and len(chunk.octets) > free:
                return
            free -= len(chunk.octets)
            if chunk is outstanding.first:
                self.timer_at = None  # restarted, as the earliest outstanding TSN leaves again (section 6.3.2 R3)
            if chunk is self._probe:
                self._probe = None  # Karn's rule
            outstanding.transmit(chunk, now)
            yield chunk.octets

    def _new_data(self, limit: int, now: float) -> Iterator[bytes]:
        outstanding = self._outstanding
        while self.queue and not outstanding.lost and outstanding.flight < limit and self._fits_peer():
            fragment = self.queue.next_fragment(now)
            if fragment is None:
                return
            chunk = outstanding.add(self._data(fragment), fragment.message)
            self._probe = self._probe or chunk
            self._congestion.sent(now, self.rto.seconds)
            outstanding.transmit(chunk, now)
            yield chunk.octets

    def _burst_limit(self) -> int:
        """How much may be outstanding after this turn (section 6.1 D).

        SACKs come in batches where datagrams do: what they acknowledged may leave at once too, and a little more.
        """
        burst = max(MAX_BURST * _PACKET, self._credit + 2 * _PACKET)
        return min(self._congestion.size, self._outstanding.flight + burst)

    def _fits_peer(self) -> bool:
        """Whether the peer has room; with nothing outstanding one chunk asks whether it has again (section 6.1 A)."""
        flight = self._outstanding.flight
        return flight == 0 or flight + _LARGEST_CHUNK <= self._peer_window

    def _data(self, fragment: Fragment) -> bytes:
        message = fragment.message
        return Data(
            self._outstanding.next_tsn,
            message.stream_id,
            message.ssn,
            message.ppid,
            fragment.payload,
            fragment.is_first,
            fragment.is_last,
            is_unordered=not message.is_ordered,
            is_immediate=not self.queue,
        ).build()

    def _measure(self, fresh: list[SentChunk], now: float) -> None:
        probe = self._probe
        if probe is not None and probe in fresh:
            self.rto.measured(now - probe.sent_at)
            self._probe = None

    def _repair(self, missed: list[SentChunk], now: float) -> None:
        for chunk in missed:
            self._lose(chunk, now)
        if missed and self._congestion.lost(self.last_tsn):
            self._has_free_retransmission = True

    def _lose(self, chunk: SentChunk, now: float) -> None:
        """Send ``chunk`` again later, or give up its message."""
        message = chunk.message
        if chunk.state is SentState.ABANDONED:
            return  # with another chunk of its message
        if not self._can_forward or not message.is_exhausted(chunk.transmissions, now):
            self._outstanding.lose(chunk)
            return
        if self.queue.abandon(message):
            # What was sent of it may all have arrived. A TSN that never leaves makes the peer give up the message,
            # which has no end otherwise.
            self._outstanding.add(b"", message)
        self._outstanding.abandon(message)
        if self._probe is not None and self._probe.state is SentState.ABANDONED:
            self._probe = None
