"""Messages that wait to be sent: one queue for each stream, served in turn, cut into fragments (RFC 9260 section 6.9).

Fragments of one message have to leave one after the other, so turns are taken by message. Stream sequence numbers are
given when a message's first fragment leaves, so that one that expires before that costs none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..errors import UsageError
from .sctp_chunks import MAX_PAYLOAD
from .sctp_serial import SSN_MASK

__all__ = ["LOW_WATER", "MAX_QUEUED", "Fragment", "OutboundMessage", "SendQueue"]

MAX_QUEUED = 2 * 1024 * 1024  # octets that an association may have waiting
LOW_WATER = 64 * 1024  # octets on one stream; falling to it is reported
_MESSAGE_OVERHEAD = 256


@dataclass(slots=True, eq=False)
class OutboundMessage:
    """One message on its way.

    Attributes:
        stream_id: where it goes.
        ppid: payload protocol identifier.
        data: 1 octet or more; empty once all of it was cut.
        is_ordered: whether it waits for earlier ones at the receiver.
        max_retransmits: it is given up after this many repetitions of one fragment; None is never.
        expires_at: it is given up when it has not arrived by then; None is never.
        ssn: stream sequence number, once its first fragment has left.
        is_abandoned: it was given up.
        tsns: of its fragments that have left.
    """

    stream_id: int
    ppid: int
    data: bytes
    is_ordered: bool = True
    max_retransmits: int | None = None
    expires_at: float | None = None
    ssn: int = 0
    is_abandoned: bool = False
    tsns: list[int] = field(default_factory=list)

    def is_exhausted(self, transmissions: int, now: float) -> bool:
        """Whether a fragment that was lost after ``transmissions`` is not worth another one."""
        is_late = self.expires_at is not None and now >= self.expires_at
        return is_late or (self.max_retransmits is not None and transmissions > self.max_retransmits)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a message that leaves now."""

    message: OutboundMessage
    payload: bytes
    is_first: bool
    is_last: bool


class SendQueue:
    """Everything that has not left yet.

    Attributes:
        queued: octets of it, overhead included.
        drained: streams that fell to the low-water mark; whoever drives this empties it.
    """

    def __init__(self) -> None:
        self.queued = 0
        self.drained: list[int] = []
        self._waiting: dict[int, deque[OutboundMessage]] = {}
        self._turns: deque[int] = deque()
        self._octets: dict[int, int] = {}
        self._next_ssn: dict[int, int] = {}
        self._current: OutboundMessage | None = None
        self._position = 0

    def __bool__(self) -> bool:
        return self._current is not None or bool(self._turns)

    def octets(self, stream_id: int) -> int:
        """Octets of user data that wait on a stream."""
        return self._octets.get(stream_id, 0)

    def has_message(self, stream_id: int) -> bool:
        """Whether anything waits on a stream, or is half sent."""
        return stream_id in self._octets

    def add(self, message: OutboundMessage, *, is_exempt: bool = False) -> None:
        """Put a message behind the others of its stream.

        Args:
            message: 1 octet or more.
            is_exempt: take it even where there is no room.

        Raises:
            UsageError: the queue has no room for it; nothing was queued.
        """
        cost = len(message.data) + _MESSAGE_OVERHEAD
        if self.queued + cost > MAX_QUEUED and not is_exempt:
            raise UsageError(f"{self.queued} octets wait to be sent already; at most {MAX_QUEUED} may")
        if message.stream_id not in self._waiting:
            self._waiting[message.stream_id] = deque()
            self._turns.append(message.stream_id)
        self._waiting[message.stream_id].append(message)
        self.queued += cost
        self._octets[message.stream_id] = self.octets(message.stream_id) + len(message.data)

    def next_fragment(self, now: float) -> Fragment | None:
        """Return the next fragment and forget it, None when nothing waits."""
        message = self._current or self._begin_message(now)
        if message is None:
            return None
        start, end = self._position, min(self._position + MAX_PAYLOAD, len(message.data))
        fragment = Fragment(message, message.data[start:end], start == 0, end == len(message.data))
        self._position = end
        self._account(message.stream_id, end - start)
        if fragment.is_last:
            self._finish()
        return fragment

    def abandon(self, message: OutboundMessage) -> bool:
        """Drop what has not left of ``message``; return whether there was anything."""
        if message is not self._current:
            return False
        self._account(message.stream_id, len(message.data) - self._position)
        self._finish()
        return True

    def reset_stream(self, stream_id: int) -> None:
        """Begin with stream sequence number 0 again."""
        self._next_ssn.pop(stream_id, None)

    def discard_stream(self, stream_id: int) -> None:
        """Drop what waits on a stream; a message that is half sent goes on."""
        for message in self._waiting.pop(stream_id, ()):
            self._account(stream_id, len(message.data))
            self.queued -= _MESSAGE_OVERHEAD
        if stream_id in self._turns:
            self._turns.remove(stream_id)
        self._forget_if_empty(stream_id)

    def _begin_message(self, now: float) -> OutboundMessage | None:
        while self._turns:
            stream_id = self._turns.popleft()
            waiting = self._waiting[stream_id]
            message = waiting.popleft()
            if waiting:
                self._turns.append(stream_id)
            else:
                del self._waiting[stream_id]
            self._current, self._position = message, 0
            if message.expires_at is None or now < message.expires_at:
                self._number(message)
                return message
            message.is_abandoned = True
            self.abandon(message)
        return None

    def _number(self, message: OutboundMessage) -> None:
        if message.is_ordered:
            message.ssn = self._next_ssn.get(message.stream_id, 0)
            self._next_ssn[message.stream_id] = (message.ssn + 1) & SSN_MASK

    def _finish(self) -> None:
        message = self._current
        assert message is not None
        self._current = None
        self.queued -= _MESSAGE_OVERHEAD
        message.data = b""
        self._forget_if_empty(message.stream_id)

    def _account(self, stream_id: int, octets: int) -> None:
        before = self._octets[stream_id]
        self._octets[stream_id] = before - octets
        self.queued -= octets
        if before > LOW_WATER >= before - octets:
            self.drained.append(stream_id)

    def _forget_if_empty(self, stream_id: int) -> None:
        is_current = self._current is not None and self._current.stream_id == stream_id
        if not is_current and stream_id not in self._waiting:
            self._octets.pop(stream_id, None)
