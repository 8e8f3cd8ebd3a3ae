"""Speech as a browser sends it: 20 ms of Opus at a time, and what bare libopus takes for the same work."""

from __future__ import annotations

import time
import wave
from pathlib import Path

from rtcsplit.media.encoding import DEFAULT_BITRATE, DEFAULT_COMPLEXITY
from rtcsplit.media.opus import OpusDecoder, OpusEncoder
from rtcsplit.media.resample import Resampler

_SPEECH = Path(__file__).parents[2] / "rtcsplit" / "cli" / "demo" / "audio" / "speech.wav"
RATE = 24_000  # Hz, of the applications: what realtime models take and give


def speech() -> bytes:
    """The demo's speech, 16-bit mono at ``RATE``."""
    with wave.open(str(_SPEECH)) as file:
        return Resampler(file.getframerate(), RATE).process(file.readframes(file.getnframes()), is_last=True)


def speech_frames() -> list[bytes]:
    """Payloads of 20 ms each: what Chromium's settings make of it."""
    audio = speech()
    encoder = OpusEncoder(sample_rate=RATE, bitrate=32_000, complexity=9)
    octets = 2 * RATE // 50
    return [encoder.encode(audio[at : at + octets]) for at in range(0, len(audio) - octets + 1, octets)]


def bare_libopus_seconds(frames: list[bytes], rounds: int = 3) -> float:
    """CPU seconds per second of a call to decode and encode at the application's settings, and nothing else."""
    encoder = OpusEncoder(sample_rate=RATE, bitrate=DEFAULT_BITRATE, complexity=DEFAULT_COMPLEXITY)
    decoder = OpusDecoder(sample_rate=RATE)
    begun = time.process_time()
    for _ in range(rounds):
        for frame in frames:
            audio = decoder.decode(frame)
            assert audio is not None
            encoder.encode(audio)
    return (time.process_time() - begun) / (rounds * len(frames) / 50)
