"""The receiving half of an association: what arrives, what is acknowledged, what is delivered (RFC 9260 section 6.2).

Everything that is held for later, be it fragments or messages that wait for their turn, counts against one window.
Only the very next TSN may go beyond it, and only by a quarter: an honest peer needs one message to close its gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ..drops import DropReason
from .sctp_chunks import Data, ForwardTsn, Sack
from .sctp_events import SctpMessage
from .sctp_ordering import InboundOrder
from .sctp_reassembly import FRAGMENT_OVERHEAD, Reassembly
from .sctp_serial import is_after
from .sctp_tsn import MAX_AHEAD, TsnTracker

__all__ = ["MAX_STREAMS", "WINDOW", "Inbound"]

MAX_STREAMS = 1024  # stream identifiers 0..1023, in both directions
WINDOW = 1024 * 1024
SACK_DELAY = 0.1  # seconds; RFC 9260 section 6.2 allows 0.5
_SACK_EVERY = 2  # packets with data
_MAX_GAPS = 64  # of one SACK; the lowest ones, which are retransmitted first
_MAX_DUPLICATES = 16


class Inbound:
    """What the peer sends.

    Args:
        initial_tsn: the peer's first TSN.
        max_message_size: octets of the longest message that we announced.

    Attributes:
        messages: to be delivered, in order; whoever drives this empties it.
        unknown_streams: identifiers out of range since they were last asked for; the peer gets an ERROR for each.
        violation: what the peer did that ends the association, None while it is honest.
        sack_at: when the SACK is due, None where nothing is to be acknowledged.
    """

    def __init__(self, initial_tsn: int, max_message_size: int) -> None:
        self.messages: deque[SctpMessage] = deque()
        self.unknown_streams: list[int] = []
        self.violation: str | None = None
        self.sack_at: float | None = None
        self._max_message_size = max_message_size
        self._tracker = TsnTracker(initial_tsn)
        self._reassembly = Reassembly()
        self._order = InboundOrder()
        self._duplicates: list[int] = []
        self._packets = 0
        self._has_news = False
        self._is_urgent = True  # the first SACK of an association leaves at once

    @property
    def cumulative_tsn(self) -> int:
        """Everything up to here has come or was given up."""
        return self._tracker.cumulative

    @property
    def held(self) -> int:
        """Octets that are kept for later, overhead included."""
        return self._reassembly.held + self._order.held

    def receive_data(self, data: Data) -> DropReason | None:
        """Take one DATA chunk; return why it was not taken, and then it was not acknowledged either."""
        self._has_news = True
        self._is_urgent |= data.is_immediate or self._tracker.has_gap
        if not data.payload:
            self.violation = "DATA without user data"
            return DropReason.SCTP_MALFORMED
        if self._tracker.has(data.tsn):
            self._is_urgent = True
            if len(self._duplicates) < _MAX_DUPLICATES:
                self._duplicates.append(data.tsn)
            return None
        if not self._has_room(data):
            self._is_urgent = True
            return DropReason.SCTP_LIMIT
        self._tracker.add(data.tsn)
        self._is_urgent |= self._tracker.has_gap
        if data.stream_id >= MAX_STREAMS:
            self.unknown_streams.append(data.stream_id)
            return None
        return self._assemble(data)

    def receive_forward_tsn(self, forward: ForwardTsn) -> None:
        """Give up what the peer has given up (RFC 3758 section 3.6)."""
        self._has_news = self._is_urgent = True
        if not self._tracker.forward(forward.cumulative_tsn):
            return
        self._reassembly.purge(self._tracker.cumulative)
        for stream_id, ssn in forward.skipped:
            if stream_id < MAX_STREAMS:
                self._deliver(self._order.skip(stream_id, ssn))

    def packet_received(self, now: float) -> None:
        """All chunks of a packet were taken: decide when to acknowledge."""
        if not self._has_news:
            return
        self._has_news = False
        self._packets += 1
        if self._is_urgent or self._packets >= _SACK_EVERY:
            self.sack_at = now
        elif self.sack_at is None:
            self.sack_at = now + SACK_DELAY

    def sack(self) -> Sack:
        """Return the acknowledgement of everything so far, and consider it sent."""
        sack = Sack(
            self._tracker.cumulative,
            max(0, WINDOW - self.held),
            self._tracker.gaps(_MAX_GAPS),
            tuple(self._duplicates),
        )
        self.sack_at = None
        self._is_urgent = False
        self._packets = 0
        self._duplicates.clear()
        return sack

    def has_everything_up_to(self, tsn: int) -> bool:
        """Whether nothing up to ``tsn`` is missing."""
        return not is_after(tsn, self._tracker.cumulative)

    def reset_streams(self, stream_ids: tuple[int, ...]) -> None:
        """Begin with stream sequence number 0 again; none given means all."""
        self._order.reset(stream_ids or self._order.stream_ids())

    def _has_room(self, data: Data) -> bool:
        offset = self._tracker.offset(data.tsn)
        after = self.held + len(data.payload) + FRAGMENT_OVERHEAD
        if after > WINDOW:
            self._reassembly.purge(self._tracker.cumulative)
            after = self.held + len(data.payload) + FRAGMENT_OVERHEAD
        if offset == 0:
            if after > WINDOW + WINDOW // 4:
                self.violation = "more unfinished messages than the window holds"
            return self.violation is None
        return offset < MAX_AHEAD and after <= WINDOW

    def _assemble(self, data: Data) -> DropReason | None:
        found = self._reassembly.add(data)
        size = found if isinstance(found, int) else len(found.payload)
        if size > self._max_message_size:
            self.violation = f"a message longer than {self._max_message_size} octets"
            return DropReason.SCTP_LIMIT
        if isinstance(found, Data):
            self._deliver(self._order.take(found))
        return None

    def _deliver(self, messages: Iterable[Data]) -> None:
        self.messages.extend(SctpMessage(found.stream_id, found.ppid, found.payload) for found in messages)
