"""A tone to send, and the frequency of what came back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE", "TONE_HERTZ", "dominant_hertz", "tone"]

RATE = 16000
TONE_HERTZ = 700.0  # no harmonic of a beep that a fake device makes, inside every Opus mode


def tone(seconds: float, hertz: float = TONE_HERTZ) -> NDArray[np.int16]:
    """Return a tone at a tenth of full scale."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (3277 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def dominant_hertz(samples: NDArray[np.float64], rate: int) -> float:
    """Return the frequency of the highest peak of the spectrum, 0 of silence."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    if not spectrum.any():
        return 0.0
    return float(np.argmax(spectrum)) * rate / len(samples)
