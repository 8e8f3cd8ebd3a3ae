"""PCMU and PCMA (ITU-T G.711): table lookups between 16-bit samples and octets. 8 kHz, native byte order.

Decoding translates each octet into the two octets of its sample; encoding looks each sample up in a table of all
65,536. 20 ms take 1 us and 10 us. (Python's ``audioop``, which did this, is gone since 3.13.)
"""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache

from ..errors import UsageError

__all__ = ["CLOCK_RATE", "decode_g711", "encode_g711"]

CLOCK_RATE = 8_000

_ULAW_BIAS = 132  # in 16-bit units: 33 of the standard's 14 bits
_ULAW_CLIP = 32_635
_SAMPLES = 1 << 16


def decode_g711(name: str, payload: bytes) -> bytes:
    """Return the 16-bit audio of a payload.

    Args:
        name: ``pcmu`` or ``pcma``.
    """
    low, high = _decoding(name)
    audio = bytearray(2 * len(payload))
    audio[sys.byteorder == "big" :: 2] = payload.translate(low)
    audio[sys.byteorder == "little" :: 2] = payload.translate(high)
    return bytes(audio)


def encode_g711(name: str, audio: bytes) -> bytes:
    """Return the payload of 16-bit audio.

    Args:
        name: ``pcmu`` or ``pcma``.

    Raises:
        UsageError: an odd number of octets.
    """
    if len(audio) % 2:
        raise UsageError("16-bit audio has an even number of octets")
    return bytes(map(_encoding(name).__getitem__, array("h", audio)))


@lru_cache(maxsize=2)
def _decoding(name: str) -> tuple[bytes, bytes]:
    expand = {"pcmu": _expand_ulaw, "pcma": _expand_alaw}[name]
    samples = [expand(octet) & 0xFFFF for octet in range(256)]
    return bytes(sample & 0xFF for sample in samples), bytes(sample >> 8 for sample in samples)


@lru_cache(maxsize=2)
def _encoding(name: str) -> bytes:
    """Octets by sample; a negative one indexes from the end, which is where two's complement has it."""
    compress = {"pcmu": _compress_ulaw, "pcma": _compress_alaw}[name]
    return bytes(compress(n - _SAMPLES if n >= _SAMPLES // 2 else n) for n in range(_SAMPLES))


def _expand_ulaw(octet: int) -> int:
    octet ^= 0xFF
    magnitude = (((octet & 0x0F) << 3) + _ULAW_BIAS << (octet >> 4 & 7)) - _ULAW_BIAS
    return -magnitude if octet & 0x80 else magnitude


def _compress_ulaw(sample: int) -> int:
    magnitude = min(abs(sample), _ULAW_CLIP) + _ULAW_BIAS
    segment = magnitude.bit_length() - 8
    octet = (0x80 if sample < 0 else 0) | segment << 4 | magnitude >> segment + 3 & 0x0F
    return octet ^ 0xFF


def _expand_alaw(octet: int) -> int:
    octet ^= 0x55
    segment = octet >> 4 & 7
    magnitude = ((octet & 0x0F) << 4) + 8
    if segment:
        magnitude = magnitude + 0x100 << segment - 1
    return magnitude if octet & 0x80 else -magnitude


def _compress_alaw(sample: int) -> int:
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(sample if sample >= 0 else -sample - 1, 32_767)
    segment = max(0, magnitude.bit_length() - 8)
    mantissa = magnitude >> (segment + 3 if segment else 4) & 0x0F
    return (sign | segment << 4 | mantissa) ^ 0x55
