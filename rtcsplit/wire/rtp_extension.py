"""RTP header extensions in the one-byte and the two-byte form (RFC 8285 section 4), and the audio level (RFC 6464).

The two-byte form may be used only where both sides agreed on it (section 4.1.2): whoever knows that asks
:func:`is_two_byte` first. It is read here, and never built.
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
    "find_element",
    "is_two_byte",
    "parse_elements",
]

ONE_BYTE_PROFILE = 0xBEDE
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"

_TWO_BYTE_PROFILE = 0x1000
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
    def of(cls, octet: int) -> AudioLevel:
        """Return what an octet says: the flag of a voice, then 7 bits of level."""
        return cls(octet & 0x7F, bool(octet >> 7))

    @classmethod
    def parse(cls, value: bytes) -> AudioLevel | None:
        """Return the level in an element's value, None where the value is not one octet."""
        return cls.of(value[0]) if len(value) == 1 else None

    def build(self) -> bytes:
        """Return the element's value.

        Raises:
            UsageError: the level is out of range.
        """
        if not 0 <= self.level <= 127:
            raise UsageError("an audio level is within 0..127")
        return bytes([self.has_voice << 7 | self.level])


def is_two_byte(profile: int | None) -> bool:
    """Whether a header extension's profile is that of the two-byte form: 0x100 and 4 bits for the application."""
    return profile is not None and profile >> 4 == _TWO_BYTE_PROFILE >> 4


def find_element(profile: int | None, extension: bytes, local_id: int) -> bytes | None:
    """Return the first element of that id, None where there is none; as :func:`parse_elements` in less time."""
    if profile != ONE_BYTE_PROFILE:
        return parse_elements(profile, extension).get(local_id)
    at, end = 0, len(extension)
    while at < end:
        head = extension[at]
        following = at + 2 + (head & 0xF)
        if head >> 4 == local_id and following <= end:
            return extension[at + 1 : following]
        if head == _PADDING:
            following = at + 1
        elif not _ID_MIN <= head >> 4 <= _ID_MAX:
            break
        at = following
    return None


def parse_elements(profile: int | None, extension: bytes) -> dict[int, bytes]:
    """Return the elements of a header extension by local id, the first of each id.

    In the one-byte form id 0 is padding; id 15 and an id 0 that has a length end the reading (RFC 8285 section 4.2).
    In the two-byte form id 0 is padding, and a length may be 0 (section 4.3). In both an element that would leave the
    extension ends the reading, and what came before counts. Another profile has no elements.
    """
    if is_two_byte(profile):
        return _parse_two_byte(extension)
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


def _parse_two_byte(extension: bytes) -> dict[int, bytes]:
    elements: dict[int, bytes] = {}
    at, end = 0, len(extension)
    while at < end:
        if extension[at] == _PADDING:
            at += 1
            continue
        following = at + 2 + extension[at + 1] if at + 1 < end else end + 1
        if following > end:
            break
        elements.setdefault(extension[at], extension[at + 2 : following])
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
