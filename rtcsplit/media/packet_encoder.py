"""Packets that are sent as they were written: where an encoder would be, and needs none."""

from __future__ import annotations

from ..session.negotiation import AudioCodec

__all__ = ["PacketEncoder"]

_FRAME_MS = 20
# One packet of silence: of Opus a 20 ms frame of its CELT layer with nothing in it, of PCMU and PCMA the code for 0.
_SILENCE = {"opus": b"\xf8\xff\xfe", "pcmu": b"\xff" * 160, "pcma": b"\xd5" * 160}


class PacketEncoder:
    """A :class:`~rtcsplit.media.encoding.FrameEncoder` that changes nothing.

    Args:
        codec: as negotiated.
    """

    def __init__(self, codec: AudioCodec) -> None:
        self.codec = codec
        self.sample_rate = codec.clock_rate
        self.frame_ms = _FRAME_MS
        self.silence = _SILENCE[codec.name]

    def renegotiate(self, codec: AudioCodec) -> None:
        """Follow a later answer: what it says is for whoever encodes."""
        self.codec = codec

    def encode(self, audio: bytes) -> bytes:
        """Return the packet."""
        return audio

    def load(self, audio: bytes) -> None:
        """There is no work for another thread."""

    def undo(self) -> None:
        """There is no state."""

    def faded(self, audio: bytes, samples: int) -> bytes:
        """Return silence: without decoding nothing can be faded, and the listener's decoder does it on its side."""
        return self.silence
