"""The audio of the demo's client: the sentence that it speaks, and the recording of what it hears."""

from __future__ import annotations

import asyncio
import fractions
import wave
from pathlib import Path

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

__all__ = ["SPEECH_FILE", "Recording", "SpeechTrack", "read_wave", "write_wave"]

SPEECH_FILE = Path(__file__).parent / "audio" / "speech.wav"
_PACKET_SECONDS = 0.020
_OPUS_RATE = 48000  # RFC 7587 section 4.1: the RTP clock and the decoder's rate


def read_wave(path: Path) -> tuple[NDArray[np.int16], int]:
    """Return the samples and the rate of a mono 16-bit WAVE file.

    Raises:
        ValueError: another format.
    """
    with wave.open(str(path)) as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            raise ValueError(f"{path}: a mono file of 16-bit samples is needed")
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
        return samples, file.getframerate()


def write_wave(path: Path, samples: NDArray[np.float64], rate: int) -> None:
    """Write mono 16-bit samples."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes())


class SpeechTrack(MediaStreamTrack):
    """Gives ``samples`` in frames of 20 ms at the pace of speech, then ends.

    The first frame is given at once: speech begins when the call can carry it, not before.
    """

    kind = "audio"

    def __init__(self, samples: NDArray[np.int16], rate: int) -> None:
        super().__init__()
        self._samples = samples
        self._rate = rate
        self._position = 0
        self._started_at: float | None = None

    @property
    def spoken(self) -> NDArray[np.int16]:
        """The samples that were given so far."""
        return self._samples[: self._position]

    async def recv(self) -> AudioFrame:
        """Return the next frame when it is due."""
        size = round(self._rate * _PACKET_SECONDS)
        if self.readyState != "live" or self._position + size > len(self._samples):
            self.stop()
            raise MediaStreamError
        await self._wait_until_due()
        piece = self._samples[self._position : self._position + size]
        # Stereo with equal channels: FFmpeg takes 3 dB off when it makes stereo of mono for the encoder.
        frame = AudioFrame.from_ndarray(np.repeat(piece, 2)[None], format="s16", layout="stereo")
        frame.sample_rate = self._rate
        frame.time_base = fractions.Fraction(1, self._rate)
        frame.pts = self._position
        self._position += size
        return frame

    async def _wait_until_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._started_at is None:
            self._started_at = now
        await asyncio.sleep(max(0.0, self._started_at + self._position / self._rate - now))


class Recording:
    """Keeps what a remote track plays, each frame at its RTP time, so that a loss is a gap and not a shift."""

    def __init__(self) -> None:
        self._frames: list[tuple[int, NDArray[np.int16]]] = []

    async def record(self, track: MediaStreamTrack) -> None:
        """Record until the track ends."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            channels = len(frame.layout.channels)
            mono = frame.to_ndarray().reshape(-1, channels).mean(axis=1).astype(np.int16)
            self._frames.append((frame.pts or 0, mono))

    def latest(self, seconds: float) -> NDArray[np.float64]:
        """Return about the last ``seconds`` of audio, at 48 kHz."""
        count = max(1, round(seconds / _PACKET_SECONDS))
        pieces = [samples for _, samples in self._frames[-count:]]
        return np.concatenate(pieces).astype(np.float64) if pieces else np.zeros(0)

    def samples(self, rate: int) -> NDArray[np.float64]:
        """Return all of it at ``rate`` samples per second."""
        if not self._frames:
            return np.zeros(0)
        whole = np.zeros(max(pts + len(samples) for pts, samples in self._frames), dtype=np.int16)
        for pts, samples in self._frames:
            whole[pts : pts + len(samples)] = samples
        frame = AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
        frame.sample_rate = _OPUS_RATE
        resampler = AudioResampler(format="s16", layout="mono", rate=rate)
        pieces = [piece.to_ndarray()[0] for piece in resampler.resample(frame) + resampler.resample(None)]
        return np.concatenate(pieces).astype(np.float64)
