"""Messages of ordered streams in the order of their sequence numbers (RFC 9260 section 6.6, RFC 3758 section 3.6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .sctp_chunks import Data
from .sctp_reassembly import FRAGMENT_OVERHEAD
from .sctp_serial import SSN_MASK, is_ssn_after

__all__ = ["InboundOrder"]


class _Stream:
    __slots__ = ("next_ssn", "waiting")

    def __init__(self) -> None:
        self.next_ssn = 0
        self.waiting: dict[int, Data] = {}


class InboundOrder:
    """All inbound streams; a stream takes memory from its first ordered message to its reset.

    Attributes:
        held: octets of the messages that wait for an earlier one, overhead included.
    """

    def __init__(self) -> None:
        self.held = 0
        self._streams: dict[int, _Stream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def take(self, message: Data) -> Iterator[Data]:
        """Take a whole message; yield what can be delivered now, in order."""
        if message.is_unordered:
            yield message
            return
        stream = self._streams.setdefault(message.stream_id, _Stream())
        if message.ssn == stream.next_ssn:
            stream.next_ssn = (stream.next_ssn + 1) & SSN_MASK
            yield message
            yield from self._release(stream)
        elif is_ssn_after(message.ssn, stream.next_ssn) and message.ssn not in stream.waiting:
            stream.waiting[message.ssn] = message
            self.held += _cost(message)

    def skip(self, stream_id: int, ssn: int) -> Iterator[Data]:
        """Wait no longer for what is missing up to ``ssn``; yield what can be delivered now, in order."""
        stream = self._streams.setdefault(stream_id, _Stream())
        if ssn != stream.next_ssn and not is_ssn_after(ssn, stream.next_ssn):
            return
        start = stream.next_ssn
        overtaken = [found for found in stream.waiting if not is_ssn_after(found, ssn)]
        for found in sorted(overtaken, key=lambda found: (found - start) & SSN_MASK):
            yield self._take_waiting(stream, found)
        stream.next_ssn = (ssn + 1) & SSN_MASK
        yield from self._release(stream)

    def reset(self, stream_ids: Iterable[int]) -> None:
        """Begin with sequence number 0 again; what still waits there can never be delivered."""
        for stream_id in stream_ids:
            stream = self._streams.pop(stream_id, None)
            if stream is not None:
                self.held -= sum(map(_cost, stream.waiting.values()))

    def stream_ids(self) -> tuple[int, ...]:
        """The streams that had an ordered message since their last reset."""
        return tuple(self._streams)

    def _release(self, stream: _Stream) -> Iterator[Data]:
        while stream.next_ssn in stream.waiting:
            message = self._take_waiting(stream, stream.next_ssn)
            stream.next_ssn = (stream.next_ssn + 1) & SSN_MASK
            yield message

    def _take_waiting(self, stream: _Stream, ssn: int) -> Data:
        message = stream.waiting.pop(ssn)
        self.held -= _cost(message)
        return message


def _cost(message: Data) -> int:
    return len(message.payload) + FRAGMENT_OVERHEAD
