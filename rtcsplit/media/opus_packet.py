"""What an Opus packet says of itself in its first octets (RFC 6716 section 3); needs no libopus."""

from __future__ import annotations

__all__ = ["CLOCK_RATE", "MAX_DURATION", "opus_duration", "opus_frame_count", "opus_has_redundancy"]

CLOCK_RATE = 48_000  # of the RTP timestamps, whatever the audio's own rate (RFC 7587 section 4.1)
MAX_DURATION = 5_760  # 120 ms (RFC 6716 section 3.2.5)

_FIRST_CELT = 16  # configurations from here on have no linear prediction
# Samples of one frame by the 5-bit configuration (RFC 6716 table 2): SILK 10, 20, 40, 60 ms; hybrid 10, 20 ms;
# CELT 2.5, 5, 10, 20 ms.
_FRAME_DURATION = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4

# Of a packet with one or two frames, by its first octet; 0 where the second octet has the number (code 3).
_DURATION = tuple((1, 2, 2, 0)[toc & 3] * _FRAME_DURATION[toc >> 3] for toc in range(256))


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
    if not payload:
        return None
    duration = _DURATION[payload[0]]
    if not duration:
        duration = (opus_frame_count(payload) or 0) * _FRAME_DURATION[payload[0] >> 3]
    return duration if 0 < duration <= MAX_DURATION else None


def opus_has_redundancy(payload: bytes) -> bool:
    """Whether the packet says that it can stand in for a lost one before it (in-band FEC, RFC 6716 section 4.2.4).

    Only the linear-prediction layer has such redundancy. Its first frame begins with one voice flag per 20 ms and
    then the redundancy flag, for the second channel likewise; these bits are uncoded at the very start of the range
    coder, so that they can be read off the first octet. Packets of a variable number of frames (code 3), which no
    encoder of 20 ms makes, are taken to have none.
    """
    if len(payload) < 2 or payload[0] >> 3 >= _FIRST_CELT or payload[0] & 3 == 3:
        return False
    start = 1
    if payload[0] & 3 == 2:  # the length of the first frame comes first, in one octet or two
        start = 2 if payload[1] < 252 else 3
    if len(payload) <= start:
        return False
    frames = max(1, _FRAME_DURATION[payload[0] >> 3] // 960)
    bits = payload[start]
    has_any = bits >> (7 - frames) & 1
    if payload[0] & 4:  # two channels
        has_any |= bits >> (6 - 2 * frames) & 1
    return bool(has_any)
