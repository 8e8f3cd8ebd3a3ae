"""Sample-rate conversion of a stream, with the soxr of the tests and with the one that pipecat asks for."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import soxr

from rtcsplit.media.resample import Resampler

HERTZ = 440.0
HAS_VARIABLE_RATE = "vr" in inspect.signature(soxr.ResampleStream.__init__).parameters
HELD_BACK = 0.031 if HAS_VARIABLE_RATE else 0.062


@pytest.mark.parametrize("rates", [(8000, 16000), (8000, 48000), (16000, 24000), (24000, 16000), (44100, 48000)])
def test_a_tone_keeps_its_pitch_and_little_is_held_back(rates: tuple[int, int]) -> None:
    source, target = rates
    tone = (8000 * np.sin(2 * np.pi * HERTZ * np.arange(source) / source)).astype(np.int16)
    resampler = Resampler(source, target)
    made = b""
    for start in range(0, source, source // 50):
        made += resampler.process(tone[start : start + source // 50].tobytes())
        assert len(made) / 2 / target >= (start + source // 50) / source - HELD_BACK
    made += resampler.process(b"", is_last=True)
    samples = np.frombuffer(made, dtype=np.int16).astype(np.float64)
    assert len(samples) == pytest.approx(target, rel=0.001)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert int(np.argmax(spectrum)) * target / len(samples) == pytest.approx(HERTZ, abs=1.5)
    assert np.abs(samples).max() == pytest.approx(8000, rel=0.05)
