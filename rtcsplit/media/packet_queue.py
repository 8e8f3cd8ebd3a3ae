"""Packets of speech that somebody else has encoded: bounded, in segments, taken out one by one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..errors import UsageError
from ..session.negotiation import AudioCodec
from .duration import payload_duration
from .speech_queue import QueuedFrame

__all__ = ["PacketQueue"]

MAX_OCTETS = 1_172  # of a payload: 1,200 with header and tag


@dataclass(slots=True)
class _Segment:
    name: str
    packets: deque[bytes] = field(default_factory=deque)
    taken: int = 0
    is_ended: bool = False


class PacketQueue:
    """One call's queue; has the methods of :class:`~rtcsplit.media.speech_queue.SpeechQueue`.

    Args:
        codec: of the packets.
        frame: samples in a packet, of the codec's clock.
        capacity: samples that may wait.

    Attributes:
        capacity: as given.
    """

    def __init__(self, codec: AudioCodec, frame: int, capacity: int) -> None:
        self.capacity = capacity
        self._codec = codec
        self._frame = frame
        self._count = 0
        self._waiting = 0
        self._segments: deque[_Segment] = deque()

    @property
    def room(self) -> int:
        """Samples that can be written now."""
        return max(0, self.capacity - self.samples)

    @property
    def samples(self) -> int:
        """Samples that wait."""
        return self._waiting * self._frame

    @property
    def is_open(self) -> bool:
        """Whether a segment has begun and not ended."""
        return bool(self._segments) and not self._segments[-1].is_ended

    @property
    def current(self) -> str | None:
        """Name of the segment that packets are taken from next."""
        return self._segments[0].name if self._segments else None

    def begin(self, name: str | None) -> str:
        """Begin a segment; one that is open ends."""
        if self.is_open:
            self.end()
        self._count += 1
        self._segments.append(_Segment(str(self._count) if name is None else name))
        return self._segments[-1].name

    def write(self, packet: bytes) -> None:
        """Add a packet to the open segment, or to a new one.

        Raises:
            UsageError: it is none of the codec, has another duration, is too long, or there is no room; nothing was
                added.
        """
        if payload_duration(self._codec, packet) != self._frame or len(packet) > MAX_OCTETS:
            milliseconds = 1000 * self._frame // self._codec.clock_rate
            raise UsageError(f"a packet holds {milliseconds} ms of {self._codec.name} in at most {MAX_OCTETS} octets")
        if self._frame > self.room:
            raise UsageError("more audio than there is room for")
        if not self.is_open:
            self.begin(None)
        self._segments[-1].packets.append(packet)
        self._waiting += 1

    def end(self) -> None:
        """End the open segment."""
        self._segments[-1].is_ended = True

    def take(self) -> QueuedFrame | None:
        """Return the next packet; None where there is none, and the segment may still go on."""
        if not self._segments:
            return None
        segment = self._segments[0]
        if not segment.packets and not segment.is_ended:
            return None
        packet = segment.packets.popleft() if segment.packets else b""
        samples = self._frame if packet else 0
        self._waiting -= bool(packet)
        is_last = segment.is_ended and not segment.packets
        frame = QueuedFrame(packet, segment.name, segment.taken, samples, is_last)
        segment.taken += samples
        if is_last:
            self._segments.popleft()
        return frame

    def clear(self) -> list[str]:
        """Forget everything; return the names of the segments that had packets or were open."""
        names = [segment.name for segment in self._segments]
        self._segments.clear()
        self._waiting = 0
        return names
