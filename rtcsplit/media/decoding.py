"""From an outlet's steps to audio: Opus, PCMU and PCMA, at the rate that the listener wants."""

from __future__ import annotations

from array import array

from ..errors import UsageError
from ..session.negotiation import AudioCodec
from .frame import Fate, Step
from .g711 import CLOCK_RATE as G711_RATE
from .g711 import decode_g711
from .opus import SAMPLE_RATES as OPUS_RATES
from .opus import OpusDecoder
from .resample import MAX_RATE, MIN_RATE, Resampler

__all__ = ["FrameDecoder"]

_PCM = (Fate.RECEIVED, Fate.COPIED, Fate.LATE)
_CONCEALMENT_GAIN = 0.5  # of each concealed stretch of G.711 against the one before
_MAX_CONCEALED = 4  # stretches in a row; then silence


class FrameDecoder:
    """Decodes one outlet of one call, mono, 16-bit, native byte order. Give it every step, in order.

    libopus decodes to 48, 24, 16, 12 and 8 kHz by itself; other rates of Opus and all but 8 kHz of PCMU and PCMA go
    through libsoxr, which holds back the first 5 to 30 ms of a stream.

    Args:
        sample_rate: Hz, of the audio wanted.

    Raises:
        UsageError: the rate is out of range.
    """

    def __init__(self, sample_rate: int) -> None:
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise UsageError(f"sample_rate is within {MIN_RATE}..{MAX_RATE} Hz")
        self.sample_rate = sample_rate
        self._codec: AudioCodec | None = None
        self._decoder: _OpusSteps | _G711Steps
        self._resampler: Resampler | None = None

    def decode(self, step: Step) -> bytes:
        """Return the audio of a step.

        Raises:
            MissingLibraryError: the codec or the rate needs a library that is not installed.
        """
        if step.codec is not self._codec:
            self._begin(step.codec)
        audio = self._decoder.decode(step)
        return audio if self._resampler is None else self._resampler.process(audio)

    def _begin(self, codec: AudioCodec) -> None:
        if codec.name == "opus":
            rate = self.sample_rate if self.sample_rate in OPUS_RATES else 48_000
            self._decoder = _OpusSteps(rate)
        else:
            rate = G711_RATE
            self._decoder = _G711Steps(codec.name)
        self._resampler = None if rate == self.sample_rate else Resampler(rate, self.sample_rate)
        self._codec = codec


class _OpusSteps:
    def __init__(self, sample_rate: int) -> None:
        self._opus = OpusDecoder(sample_rate=sample_rate)

    def decode(self, step: Step) -> bytes:
        audio: bytes | None = None
        if step.fate is Fate.SILENCE:
            return bytes(2 * step.duration * self._opus.sample_rate // step.codec.clock_rate)
        if step.frame is not None and step.fate is Fate.RECOVERED:
            audio = self._opus.recover(step.frame.payload, step.duration)
        elif step.frame is not None:
            audio = self._opus.decode(step.frame.payload)
        return self._opus.conceal(step.duration) if audio is None else audio


class _G711Steps:
    def __init__(self, name: str) -> None:
        self._name = name
        self._latest = b""
        self._concealed = 0

    def decode(self, step: Step) -> bytes:
        if step.frame is not None and step.fate in _PCM:
            self._latest = decode_g711(self._name, step.frame.payload)
            self._concealed = 0
            return self._latest
        if step.fate is Fate.SILENCE:
            return bytes(2 * step.duration)
        return self._conceal(2 * step.duration)

    def _conceal(self, octets: int) -> bytes:
        """Repeat the latest frame, softer each time: G.711 has no state to extrapolate from."""
        self._concealed += 1
        if not self._latest or self._concealed > _MAX_CONCEALED:
            return bytes(octets)
        self._latest = array("h", (int(s * _CONCEALMENT_GAIN) for s in array("h", self._latest))).tobytes()
        return (self._latest * (octets // len(self._latest) + 1))[:octets]
