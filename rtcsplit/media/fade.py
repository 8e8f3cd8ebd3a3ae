"""The end of speech that is cut off: a short fade instead of a click."""

from __future__ import annotations

from array import array

__all__ = ["fade_out"]


def fade_out(audio: bytes, samples: int) -> bytes:
    """Return 16-bit audio of the same length that falls to silence over its first ``samples``, linearly."""
    values = array("h", audio)
    faded = array("h", bytes(len(audio)))
    for n in range(min(samples, len(values))):
        faded[n] = values[n] * (samples - n) // samples
    return faded.tobytes()
