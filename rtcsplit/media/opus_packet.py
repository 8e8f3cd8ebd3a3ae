"""What an Opus packet says of itself in its first octets (RFC 6716 section 3); needs no libopus."""

from __future__ import annotations

__all__ = ["CLOCK_RATE", "MAX_DURATION", "opus_duration", "opus_frame_count"]

CLOCK_RATE = 48_000  # of the RTP timestamps, whatever the audio's own rate (RFC 7587 section 4.1)
MAX_DURATION = 5_760  # 120 ms (RFC 6716 section 3.2.5)

# Samples of one frame by the 5-bit configuration (RFC 6716 table 2): SILK 10, 20, 40, 60 ms; hybrid 10, 20 ms;
# CELT 2.5, 5, 10, 20 ms.
_FRAME_DURATION = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4


def opus_frame_count(payload: bytes) -> int | None:
    """Return how many frames the packet has, 1..48; None where its first octets cannot be (RFC 6716 section 3.2)."""
    if not payload:
        return None
    code = payload[0] & 3
    if code < 3:
        return 2 if code else 1
    return payload[1] & 0x3F or None if len(payload) > 1 else None


def opus_duration(payload: bytes) -> int | None:
    """Return the duration of an Opus packet in samples at 48 kHz, 120..5,760: the step of the RTP timestamp.

    None where the octets are no Opus packet: empty, a frame count of 0, or more than 120 ms. Whether the rest decodes
    is for the decoder to say.
    """
    frames = opus_frame_count(payload)
    if frames is None:
        return None
    duration = frames * _FRAME_DURATION[payload[0] >> 3]
    return duration if duration <= MAX_DURATION else None
