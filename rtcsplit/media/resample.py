"""Sample-rate conversion of a running stream, by libsoxr: only where no codec has the rate that is wanted.

libsoxr's fixed-rate streams hold back up to 100 ms and hand it out in lumps; its variable-rate mode has the same
filters, an even flow, and 5 to 30 ms of delay, so that is what runs here, at a constant rate. soxr 1.0, which pipecat
asks for, does not offer it yet; there the shortest filters run that have no audible aliases, 60 ms at most.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from ..errors import MissingLibraryError, UsageError

__all__ = ["MAX_RATE", "MIN_RATE", "Resampler", "require_soxr"]

MIN_RATE, MAX_RATE = 8_000, 48_000


class _Soxr(NamedTuple):
    soxr: Any
    numpy: Any


@lru_cache(maxsize=1)
def _library() -> _Soxr:
    try:
        import numpy
        import soxr
    except ImportError:
        raise MissingLibraryError("soxr", "pip install 'rtcsplit[audio]'") from None
    return _Soxr(soxr, numpy)


def require_soxr() -> None:
    """Load libsoxr, so that a program which needs it fails at its start.

    Raises:
        MissingLibraryError: soxr is not installed; says what to install.
    """
    _library()


class Resampler:
    """Converts one stream of mono 16-bit audio.

    Args:
        source: Hz, 8,000 to 48,000.
        target: Hz, 8,000 to 48,000.

    Raises:
        MissingLibraryError: see :func:`require_soxr`.
        UsageError: a rate is out of range.
    """

    def __init__(self, source: int, target: int) -> None:
        if not (MIN_RATE <= source <= MAX_RATE and MIN_RATE <= target <= MAX_RATE):
            raise UsageError(f"sample rates are within {MIN_RATE}..{MAX_RATE} Hz")
        self._library = _library()
        self._rates = (source, target)
        self._start()

    def process(self, audio: bytes, *, is_last: bool = False) -> bytes:
        """Return as much as can be made of the audio so far; with ``is_last`` all of it, and begin anew."""
        numpy = self._library.numpy
        samples = self._stream.resample_chunk(numpy.frombuffer(audio, dtype=numpy.int16), last=is_last)
        if is_last:
            self._start()
        return bytes(samples.tobytes())

    def _start(self) -> None:
        stream = self._library.soxr.ResampleStream
        try:
            self._stream = stream(*self._rates, 1, dtype="int16", quality="HQ", vr=True)
        except TypeError:
            self._stream = stream(*self._rates, 1, dtype="int16", quality="LQ")
