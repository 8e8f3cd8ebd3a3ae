"""Encoders of outgoing speech, one frame at a time, by what was negotiated (RFC 7587 section 6.1, RFC 3551).

Mono, 16-bit, native byte order. An encoder can be set back to before its latest frame, so that a frame which was
encoded ahead of its time can still become another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .._native.encode_batch import EncodeSlot
from ..errors import NativeError
from ..session.negotiation import AudioCodec
from .fade import fade_out
from .g711 import CLOCK_RATE as G711_RATE
from .g711 import encode_g711
from .opus import SAMPLE_RATES, OpusEncoder, encode_frames
from .packet_encoder import PacketEncoder

__all__ = ["EncodeJob", "FrameEncoder", "G711FrameEncoder", "OpusFrameEncoder", "new_encoder", "run_now"]

DEFAULT_BITRATE = 32_000
DEFAULT_COMPLEXITY = 5  # half of libopus' own default costs a third of its time, and speech does not tell

_FRAME_MS = (20, 40, 60)


class FrameEncoder(Protocol):
    """What the playout needs of an encoder.

    Attributes:
        codec: that it encodes for.
        sample_rate: Hz, of the audio it takes.
        frame_ms: duration of each frame.
        silence: what to encode while there is no speech.
    """

    codec: AudioCodec
    sample_rate: int
    frame_ms: int
    silence: bytes

    def renegotiate(self, codec: AudioCodec) -> None:
        """Follow a later answer, from the next frame on, which may be another duration. The format is the same."""

    def encode(self, audio: bytes) -> bytes:
        """Return the payload of one frame; at most two octets stand for silence that need not be sent."""

    def load(self, audio: bytes) -> EncodeSlot | None:
        """Take a frame to be encoded with ``media.opus.encode_frames``; None where :meth:`encode` has to do it."""

    def undo(self) -> None:
        """Forget the latest frame; only once after each that was encoded."""

    def faded(self, audio: bytes, samples: int) -> bytes:
        """Return what to encode instead of a frame that is cut off: it falls silent within ``samples``."""


class OpusFrameEncoder:
    """Opus within the limits that the peer's ``a=fmtp`` sets; unknown parameters are ignored (F20).

    Args:
        codec: as negotiated.
        sample_rate: of the audio, one of ``media.opus.SAMPLE_RATES``.
        bitrate: bits per second, unless the peer wants less.
        complexity: 0..10.
        has_dtx: encode silence as next to nothing.
        expected_loss: in percent, for which redundancy is added if the peer makes use of it.
    """

    def __init__(
        self,
        codec: AudioCodec,
        sample_rate: int,
        *,
        bitrate: int = DEFAULT_BITRATE,
        complexity: int = DEFAULT_COMPLEXITY,
        has_dtx: bool = False,
        expected_loss: int = 5,
    ) -> None:
        self.sample_rate = sample_rate
        self._bitrate = bitrate
        self._opus = OpusEncoder(
            sample_rate=sample_rate,
            bitrate=bitrate,
            expected_loss=expected_loss,
            has_dtx=has_dtx,
            complexity=complexity,
        )
        self.renegotiate(codec)

    def renegotiate(self, codec: AudioCodec) -> None:
        """Follow a later answer, from the next frame on."""
        limits = {name: int(value) for name, value in codec.parameters.items()}
        self.codec = codec
        self.frame_ms = _frame_ms(limits)
        self._opus.adapt(
            bitrate=min(self._bitrate, limits.get("maxaveragebitrate", self._bitrate)),
            has_fec=limits.get("useinbandfec", 0) == 1,
            is_constant_bitrate=limits.get("cbr", 0) == 1,
            max_playback_rate=limits.get("maxplaybackrate", 48_000),
        )
        samples = self.sample_rate * self.frame_ms // 1000
        self._slot = self._opus.slot(samples)
        self.silence = bytes(2 * samples)

    def encode(self, audio: bytes) -> bytes:
        """Return the payload of one frame."""
        encode_frames((self.load(audio),))
        payload = self._slot.payload()
        if payload is None:
            raise NativeError("opus_encode failed")
        return payload

    def load(self, audio: bytes) -> EncodeSlot:
        """Take a frame; the slot is this encoder's only one."""
        self._slot.load(audio)
        return self._slot

    def undo(self) -> None:
        """Forget the latest frame."""
        self._slot.undo()

    def faded(self, audio: bytes, samples: int) -> bytes:
        """Return the frame with a fade in it."""
        return fade_out(audio, samples)


class G711FrameEncoder:
    """PCMU or PCMA.

    Args:
        codec: as negotiated.
    """

    def __init__(self, codec: AudioCodec) -> None:
        self.codec = codec
        self.sample_rate = G711_RATE
        self.frame_ms = 20
        self.silence = bytes(2 * G711_RATE * self.frame_ms // 1000)

    def renegotiate(self, codec: AudioCodec) -> None:
        """Follow a later answer: there is nothing that it could change."""
        self.codec = codec

    def encode(self, audio: bytes) -> bytes:
        """Return the payload of one frame."""
        return encode_g711(self.codec.name, audio)

    def load(self, audio: bytes) -> None:
        """Two table lookups are not worth another thread's time."""

    def undo(self) -> None:
        """There is no state."""

    def faded(self, audio: bytes, samples: int) -> bytes:
        """Return the frame with a fade in it."""
        return fade_out(audio, samples)


class EncodeJob:
    """One frame to be encoded, now or ahead of its time in another thread. One at a time for each encoder.

    Attributes:
        slot: of its encoder, with the frame; None where it was encoded already.
        payload: None until it is encoded.
    """

    __slots__ = ("payload", "slot")

    def __init__(self, encoder: FrameEncoder, audio: bytes) -> None:
        self.slot = encoder.load(audio)
        self.payload: bytes | None = encoder.encode(audio) if self.slot is None else None

    def collect(self) -> None:
        """Its slot was encoded: take the payload."""
        assert self.slot is not None
        self.payload = self.slot.payload()

    def run(self) -> None:
        """Encode it, unless that is done."""
        if self.payload is None and self.slot is not None:
            encode_frames((self.slot,))
            self.collect()


def run_now(job: EncodeJob) -> Callable[[], None]:
    """Encode where the playout is: the simplest way to submit a job."""
    job.run()
    return lambda: None


def new_encoder(
    codec: AudioCodec,
    sample_rate: int | None,
    *,
    bitrate: int = DEFAULT_BITRATE,
    complexity: int = DEFAULT_COMPLEXITY,
    has_dtx: bool = False,
) -> FrameEncoder:
    """Return an encoder for a negotiated codec. Its own rate is ``sample_rate`` wherever the codec has that one; None
    is for packets that are encoded already.

    Raises:
        MissingLibraryError: Opus without libopus.
        UsageError: a setting is out of range.
    """
    if sample_rate is None:
        return PacketEncoder(codec)
    if codec.name != "opus":
        return G711FrameEncoder(codec)
    rate = sample_rate if sample_rate in SAMPLE_RATES else 48_000
    return OpusFrameEncoder(codec, rate, bitrate=bitrate, complexity=complexity, has_dtx=has_dtx)


def _frame_ms(limits: dict[str, int]) -> int:
    """Return 20 ms, or what comes nearest within the peer's ``minptime``, ``maxptime`` and ``ptime``."""
    if limits.get("maxptime", 120) < 20:
        return 10
    wanted = max(limits.get("ptime", 20), limits.get("minptime", 20))
    fitting = [ms for ms in _FRAME_MS if ms <= min(wanted, limits.get("maxptime", 120))]
    return max(fitting, default=20)
