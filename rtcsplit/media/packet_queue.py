"""Packets of speech that somebody else has encoded: bounded, in segments, taken out one by one."""

from __future__ import annotations

from collections import deque

from ..errors import UsageError
from ..session.negotiation import AudioCodec
from .duration import payload_duration
from .segments import SegmentLine
from .speech_queue import QueuedFrame

__all__ = ["PacketQueue"]

MAX_OCTETS = 1_172  # of a payload: 1,200 with header and tag


class PacketQueue:
    """One call's queue; has the methods of :class:`~rtcsplit.media.speech_queue.SpeechQueue`.

    Args:
        codec: of the packets.
        frame: samples in a packet, of the codec's clock.
        capacity: samples that may wait.

    Attributes:
        frame: as given.
        capacity: as given.
        segments: of the packets.
    """

    def __init__(self, codec: AudioCodec, frame: int, capacity: int) -> None:
        self.capacity = capacity
        self.segments = SegmentLine()
        self._codec = codec
        self.frame = frame
        self._packets: deque[bytes] = deque()

    @property
    def room(self) -> int:
        """Samples that can be written now."""
        return max(0, self.capacity - self.samples)

    @property
    def samples(self) -> int:
        """Samples that wait."""
        return len(self._packets) * self.frame

    def write(self, packet: bytes) -> None:
        """Add a packet to the open segment, or to a new one.

        Raises:
            UsageError: it is none of the codec, has another duration, is too long, or there is no room; nothing was
                added.
        """
        if payload_duration(self._codec, packet) != self.frame or len(packet) > MAX_OCTETS:
            milliseconds = 1000 * self.frame // self._codec.clock_rate
            raise UsageError(f"a packet holds {milliseconds} ms of {self._codec.name} in at most {MAX_OCTETS} octets")
        if self.frame > self.room:
            raise UsageError("more audio than there is room for")
        self.segments.write(self.frame)
        self._packets.append(packet)

    def take(self) -> QueuedFrame | None:
        """Return the next packet; None where there is none, and the segment may still go on."""
        place = self.segments.take(self.frame)
        if place is None:
            return None
        return QueuedFrame(self._packets.popleft() if place.samples else b"", place)

    def put_back(self, frame: QueuedFrame, samples: int) -> None:
        """Take back the packet that was taken last; there are no parts of it to keep."""
        self.segments.put_back(frame.place, 0)
        self._packets.appendleft(frame.audio)

    def clear(self) -> list[str]:
        """Forget everything; return the names of the segments that had packets or were open."""
        self._packets.clear()
        return self.segments.clear()
