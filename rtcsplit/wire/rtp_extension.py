"""RTP header extensions in the one-byte form (RFC 8285 section 4.2), and the audio level (RFC 6464).

The two-byte form is not read: it may be used only where both sides agreed on it (RFC 8285 section 4.1.2), and our
answers do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UsageError

__all__ = [
    "AUDIO_LEVEL_URI",
    "MID_URI",
    "ONE_BYTE_PROFILE",
    "AudioLevel",
    "build_elements",
    "parse_elements",
]

ONE_BYTE_PROFILE = 0xBEDE
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"

_PADDING = 0
_ID_MIN, _ID_MAX = 1, 14


@dataclass(frozen=True, slots=True)
class AudioLevel:
    """How loud the packet's audio is, as its sender measured it (RFC 6464 section 3).

    Attributes:
        level: 0..127 in -dBov: 0 is the loudest, 127 silence.
        has_voice: the sender's opinion; False also where it has none.
    """

    level: int
    has_voice: bool = False

    @classmethod
    def parse(cls, value: bytes) -> AudioLevel | None:
        """Return the level in an element's value, None where the value is not one octet."""
        return cls(value[0] & 0x7F, bool(value[0] >> 7)) if len(value) == 1 else None

    def build(self) -> bytes:
        """Return the element's value.

        Raises:
            UsageError: the level is out of range.
        """
        if not 0 <= self.level <= 127:
            raise UsageError("an audio level is within 0..127")
        return bytes([self.has_voice << 7 | self.level])


def parse_elements(profile: int | None, extension: bytes) -> dict[int, bytes]:
    """Return the elements of a header extension by local id, the first of each id.

    Id 0 is padding. Id 15 and an id 0 that has a length end the reading, and so does an element that would leave the
    extension; what came before counts (RFC 8285 section 4.2). Another profile has no elements.
    """
    elements: dict[int, bytes] = {}
    if profile != ONE_BYTE_PROFILE:
        return elements
    at, end = 0, len(extension)
    while at < end:
        head = extension[at]
        at += 1
        if head == _PADDING:
            continue
        following = at + 1 + (head & 0xF)
        if not _ID_MIN <= head >> 4 <= _ID_MAX or following > end:
            break
        elements.setdefault(head >> 4, extension[at:following])
        at = following
    return elements


def build_elements(elements: Mapping[int, bytes]) -> bytes:
    """Return the extension data that holds the elements, padded to words, for profile :data:`ONE_BYTE_PROFILE`.

    Raises:
        UsageError: an id outside of 1..14, or a value that has not 1..16 octets.
    """
    data = b""
    for local_id, value in elements.items():
        if not _ID_MIN <= local_id <= _ID_MAX or not 1 <= len(value) <= 16:
            raise UsageError("a one-byte element has an id within 1..14 and 1..16 octets")
        data += bytes([local_id << 4 | len(value) - 1]) + value
    return data + bytes(-len(data) % 4)
