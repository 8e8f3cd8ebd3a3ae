"""From RTP packets to frames: redundancy unpacked (RFC 2198), numbers extended, one stream after the other.

A call has one voice at a time. It is that of one SSRC in one codec until that falls silent and another speaks; then a
new stream begins, and media time goes on as the clock did.
"""

from __future__ import annotations

from ..drops import DropReason
from ..session.negotiation import AudioCodec, AudioNegotiation
from ..wire import red
from ..wire.rtp import RtpPacket
from .duration import payload_duration
from .frame import Frame

__all__ = ["FrameReader"]

# Ours: another SSRC takes over once the present one has been silent for so many seconds
TAKEOVER = 0.1
# Ours: a timestamp that runs so many seconds ahead of the clock or back, or a clock that runs so many seconds ahead of
# the timestamps (a source that was paused, an outage), begins a new stream
MAX_AHEAD = 2.0
MAX_BEHIND = 1.0
MAX_BACK = 2.0


class FrameReader:
    """Reads the packets of one call.

    Args:
        negotiation: of its audio.
    """

    def __init__(self, negotiation: AudioNegotiation) -> None:
        self._codecs = {codec.payload_type: codec for codec in negotiation.codecs}
        self._red_type = None if negotiation.red is None else negotiation.red.payload_type
        self._began_at: float | None = None
        self._stream = -1
        self._ssrc = -1
        self._codec: AudioCodec | None = None
        self._sequence = 0  # of the latest packet, extended
        self._timestamp = 0  # of the latest packet, modulo 2**32
        self._position = 0  # of the latest packet
        self._origin = 0.0  # media time of position 0
        self._arrived_at = 0.0

    def read(self, packet: RtpPacket, now: float) -> list[Frame]:
        """Return the frames in a packet, the oldest first; none where its payload is empty, broken or another voice's.

        Args:
            packet: as ``RtpSession.receive_rtp`` returned it.
            now: when it arrived.
        """
        blocks = self._blocks(packet)
        if not blocks:
            return []
        codec = self._codecs.get(blocks[-1].payload_type)
        duration = None if codec is None else payload_duration(codec, blocks[-1].payload)
        if codec is None or duration is None or not self._follow(packet, codec, now):
            return []
        frame = Frame(
            self._stream,
            self._position,
            duration,
            self._sequence,
            blocks[-1].payload,
            codec,
            self._origin + self._position / codec.clock_rate,
            now,
            level=packet.audio_level,
        )
        return [frame] if len(blocks) == 1 else [*self._copies(frame, blocks[:-1]), frame]

    def _blocks(self, packet: RtpPacket) -> tuple[red.RedBlock, ...]:
        if packet.payload_type != self._red_type:
            return (red.RedBlock(packet.payload_type, 0, packet.payload),)
        blocks = red.parse(packet.payload)
        return () if isinstance(blocks, DropReason) else blocks

    def _copies(self, frame: Frame, blocks: tuple[red.RedBlock, ...]) -> list[Frame]:
        """Return the frames that came again in the packet of ``frame``."""
        codec = frame.codec
        copies = []
        for back, block in zip(range(len(blocks), 0, -1), blocks, strict=True):
            duration = payload_duration(codec, block.payload)
            if block.payload_type == codec.payload_type and block.offset and duration is not None:
                position = frame.position - block.offset
                copy = frame._replace(
                    position=position,
                    duration=duration,
                    sequence=frame.sequence - back,
                    payload=block.payload,
                    media_time=self._origin + position / codec.clock_rate,
                    is_copy=True,
                    level=None,
                )
                copies.append(copy)
        return copies

    def _follow(self, packet: RtpPacket, codec: AudioCodec, now: float) -> bool:
        """Bring the numbers up to this packet; False where another voice is speaking."""
        if packet.ssrc == self._ssrc and codec is self._codec:
            step = _signed(packet.timestamp - self._timestamp, 32)
            ahead = step / codec.clock_rate - (now - self._arrived_at)
            if -MAX_BACK * codec.clock_rate < step < 0 or (step >= 0 and -MAX_BEHIND < ahead < MAX_AHEAD):
                self._sequence += _signed(packet.sequence_number - self._sequence, 16)
                self._position += step
            else:
                self._begin(packet, codec, now)
        elif packet.ssrc != self._ssrc and self._codec is not None and now - self._arrived_at < TAKEOVER:
            return False
        else:
            self._begin(packet, codec, now)
        self._timestamp = packet.timestamp
        self._arrived_at = now
        return True

    def _begin(self, packet: RtpPacket, codec: AudioCodec, now: float) -> None:
        self._began_at = now if self._began_at is None else self._began_at
        self._stream += 1
        self._ssrc, self._codec = packet.ssrc, codec
        self._sequence = packet.sequence_number
        self._position = 0
        self._origin = now - self._began_at


def _signed(difference: int, bits: int) -> int:
    """Return a difference of two numbers of a wrapping counter as the shorter way round."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
