"""What the demo measures at the client: the round trip of the echo, and how much the returned audio is the sent one.

Round trip. The echo application returns the Opus payloads that it gets, so a returned RTP packet belongs to the sent
one with the same payload octets. The time between the two, read at the client's own SRTP boundary, is the round trip
through relay, transceiver and relay, without codec and jitter buffer. A payload that is sent again while its twin is
still out (digital silence) names no single packet and is left out of the times, though not out of the counts.

Similarity. Opus keeps what is heard, not the samples, so samples are compared only to align. Both signals are cut
into frames of 32 ms every 16 ms and 20 mel-spaced bands between 100 and 7,000 Hz. The levels in dB, floored 50 dB
below the loudest, minus the mean of their band, are correlated over all frames and bands. 1 is the same audio; other
words of the same voice, reversed speech and noise stay below 0.4; silence is 0; gain does not matter; audio that is
missing counts as silence.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["RoundTrips", "Similarity", "align", "compare", "level_dbov", "percentile"]

Samples = NDArray[np.float64]

_FRAME = 512  # 32 ms at 16 kHz
_HOP = 256
_BANDS = 20
_LOWEST_HZ, _HIGHEST_HZ = 100.0, 7000.0
_FLOOR_DB = 50.0
_SILENCE_DBOV = -127.0  # RFC 6464 section 3
_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Similarity:
    """The outcome of :func:`compare`.

    Attributes:
        envelopes: correlation of the band envelopes, 0..1; negative correlation counts as 0.
        waveform: correlation of the aligned samples, 0..1.
        delay: seconds by which the returned audio lags in the recording.
        gain_db: level of the returned audio over the sent one.
    """

    envelopes: float
    waveform: float
    delay: float
    gain_db: float


def compare(sent: Samples, returned: Samples, rate: int = 16000) -> Similarity:
    """Return how much ``returned`` resembles ``sent``; both mono, at ``rate`` samples per second."""
    if not np.any(sent) or not np.any(returned):
        return Similarity(0.0, 0.0, 0.0, 0.0)
    lag = align(sent, returned)
    aligned = _shifted(returned, lag, len(sent))
    ours, theirs = _band_levels(sent, rate), _band_levels(aligned, rate)
    gain = level_dbov(aligned) - level_dbov(sent)
    return Similarity(_correlation(ours, theirs), _correlation(sent[None], aligned[None]), lag / rate, gain)


def align(sent: Samples, returned: Samples) -> int:
    """Return by how many samples ``returned`` lags behind ``sent``: the highest peak of their cross-correlation."""
    size = 1 << (len(sent) + len(returned) - 1).bit_length()
    product = np.fft.rfft(returned, size) * np.conj(np.fft.rfft(sent, size))
    correlation = np.fft.irfft(product, size)
    lag = int(np.argmax(correlation))
    return lag if lag < len(returned) else lag - size


def level_dbov(samples: Samples) -> float:
    """Return the level in dB relative to overload of 16-bit samples, -127 at least (RFC 6464 section 3)."""
    power = float(np.mean(np.square(samples))) if len(samples) else 0.0
    if power == 0.0:
        return _SILENCE_DBOV
    return max(_SILENCE_DBOV, 10.0 * float(np.log10(power)) - 20.0 * float(np.log10(_FULL_SCALE)))


def percentile(values: list[float], percent: float) -> float | None:
    """Return the percentile by linear interpolation, None of no values."""
    return float(np.percentile(values, percent)) if values else None


@dataclass(slots=True)
class RoundTrips:
    """Pairs returned packets with sent ones by their payload.

    Attributes:
        sent: packets sent.
        returned: packets that came back, whether or not their payload names one sent packet.
        foreign: packets that came back with a payload that was never sent.
        seconds: the round trips, in the order of the returned packets.
    """

    sent: int = 0
    returned: int = 0
    foreign: int = 0
    seconds: list[float] = field(default_factory=list)
    _sent_at: dict[bytes, float | None] = field(default_factory=dict)
    _out: dict[bytes, int] = field(default_factory=dict)

    def packet_sent(self, payload: bytes, now: float) -> None:
        """Note a packet that leaves."""
        self.sent += 1
        out = self._out.get(payload, 0)
        self._out[payload] = out + 1
        self._sent_at[payload] = None if out else now

    def packet_returned(self, payload: bytes, now: float) -> float | None:
        """Note a packet that arrived; return its round trip, None where the payload does not name one packet."""
        self.returned += 1
        out = self._out.get(payload, 0)
        if out == 0:
            self.foreign += 1
            return None
        self._out[payload] = out - 1
        sent_at = self._sent_at[payload]
        if sent_at is None:
            return None
        self.seconds.append(now - sent_at)
        return now - sent_at


def _shifted(samples: Samples, lag: int, length: int) -> Samples:
    """``samples`` from ``lag`` on, padded with silence on either side to ``length``."""
    shifted = np.zeros(length)
    start = max(0, -lag)
    piece = samples[max(0, lag) : max(0, lag) + length - start]
    shifted[start : start + len(piece)] = piece
    return shifted


def _band_levels(samples: Samples, rate: int) -> Samples:
    """Levels in dB under the loudest, one row per band and one column per frame."""
    padded = np.pad(samples, (0, max(0, _FRAME - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=1)))
    edges = _mel_edges(rate)
    bands = np.stack([power[:, low:high].sum(axis=1) for low, high in itertools.pairwise(edges)])
    levels = 10.0 * np.log10(np.maximum(bands, 1e-12))
    clipped: Samples = np.maximum(levels - levels.max(), -_FLOOR_DB)
    return clipped


def _mel_edges(rate: int) -> list[int]:
    """FFT bins that part the bands, equally spaced on the mel scale, each band at least one bin wide."""
    lowest, highest = (2595.0 * np.log10(1.0 + hertz / 700.0) for hertz in (_LOWEST_HZ, _HIGHEST_HZ))
    hertz = 700.0 * (10.0 ** (np.linspace(lowest, highest, _BANDS + 1) / 2595.0) - 1.0)
    edges = [round(float(edge) * _FRAME / rate) for edge in hertz]
    for index in range(1, len(edges)):
        edges[index] = max(edges[index], edges[index - 1] + 1)
    return edges


def _correlation(ours: Samples, theirs: Samples) -> float:
    """Pearson's correlation over all cells after each row lost its mean; 0 where one side is constant."""
    ours = ours - ours.mean(axis=1, keepdims=True)
    theirs = theirs - theirs.mean(axis=1, keepdims=True)
    scale = float(np.sqrt(np.sum(np.square(ours)) * np.sum(np.square(theirs))))
    return max(0.0, float(np.sum(ours * theirs)) / scale) if scale > 0.0 else 0.0
