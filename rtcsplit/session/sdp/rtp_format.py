"""RTP payload formats of a section: ``rtpmap``, ``fmtp`` (RFC 8866 section 6), ``rtcp-fb`` (RFC 4585 section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .grammar import Level, Line
from .tokens import is_token, number

__all__ = ["MAX_PAYLOAD_TYPES", "RtpFormat", "parse_formats", "parse_payload_types"]

MAX_PAYLOAD_TYPES = 64
_LONGEST_NAME = 64
_STATIC = {0: ("pcmu", 8_000, 1), 8: ("pcma", 8_000, 1)}  # RFC 3551 section 6: need no rtpmap


@dataclass(frozen=True, slots=True)
class RtpFormat:
    """One payload type.

    Attributes:
        payload_type: 0..127.
        name: encoding name in lower case; names compare without case (RFC 8866 section 6.6).
        clock_rate: Hz.
        channels: None where the rtpmap names none.
        parameters: ``a=fmtp``, names in lower case.
        feedback: what ``a=rtcp-fb`` asks for, for instance ``nack`` and ``nack pli``.
        fmtp: the first ``a=fmtp`` line as it stands, for formats that do not write ``name=value``.
    """

    payload_type: int
    name: str
    clock_rate: int
    channels: int | None
    parameters: Mapping[str, str]
    feedback: frozenset[str]
    fmtp: str = ""


def parse_payload_types(head: Line, texts: Sequence[str]) -> tuple[int, ...]:
    """Return the payload types of an ``m=`` line.

    Raises:
        SdpError: too many, out of range, or one twice.
    """
    if len(texts) > MAX_PAYLOAD_TYPES:
        raise head.malformed("too_many_payload_types", f"more than {MAX_PAYLOAD_TYPES} payload types")
    found = dict.fromkeys(number(head, text, 0, 127) for text in texts)
    if len(found) != len(texts):
        raise head.malformed("duplicate_payload_type", "a payload type stands twice")
    return tuple(found)


def parse_formats(section: Level, payload_types: tuple[int, ...]) -> tuple[RtpFormat, ...]:
    """Return the formats of ``section`` in the order of its ``m=`` line; a type of unknown format is left out.

    Raises:
        SdpError: an rtpmap, fmtp or rtcp-fb line that breaks its grammar, or two rtpmaps of one type.
    """
    maps = _maps(section)
    parameters = _parameters(section)
    feedback = _feedback(section)
    raw = _first_fmtp(section)
    formats = []
    for payload_type in payload_types:
        known = maps.get(payload_type) or _STATIC.get(payload_type)
        if known is not None:
            wanted = feedback.get(payload_type, set()) | feedback.get(None, set())
            named = parameters.get(payload_type, {})
            formats.append(RtpFormat(payload_type, *known, named, frozenset(wanted), raw.get(payload_type, "")))
    return tuple(formats)


def _maps(section: Level) -> dict[int, tuple[str, int, int | None]]:
    found: dict[int, tuple[str, int, int | None]] = {}
    for line in section.all("rtpmap"):
        payload_type, _, encoding = line.value.partition(" ")
        fields = encoding.split("/")
        if len(fields) not in (2, 3) or not is_token(fields[0], _LONGEST_NAME):
            raise line.malformed("rtpmap", "an rtpmap is TYPE NAME/RATE or TYPE NAME/RATE/CHANNELS")
        key = number(line, payload_type, 0, 127)
        if key in found:
            raise line.malformed("duplicate_payload_type", "a second rtpmap of this payload type")
        channels = number(line, fields[2], 1, 255) if len(fields) == 3 else None
        found[key] = (fields[0].lower(), number(line, fields[1], 1, 2**32 - 1), channels)
    return found


def _parameters(section: Level) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for line in section.all("fmtp"):
        payload_type, _, text = line.value.partition(" ")
        values = found.setdefault(number(line, payload_type, 0, 127), {})
        for parameter in text.split(";"):
            name, separator, value = parameter.strip().partition("=")
            if separator:
                values.setdefault(name.strip().lower(), value.strip())
    return found


def _first_fmtp(section: Level) -> dict[int, str]:
    found: dict[int, str] = {}
    for line in section.all("fmtp"):
        payload_type, _, text = line.value.partition(" ")
        found.setdefault(number(line, payload_type, 0, 127), text.strip())
    return found


def _feedback(section: Level) -> dict[int | None, set[str]]:
    """Feedback by payload type, None standing for ``*``."""
    found: dict[int | None, set[str]] = {}
    for line in section.all("rtcp-fb"):
        payload_type, _, kind = line.value.partition(" ")
        key = None if payload_type == "*" else number(line, payload_type, 0, 127)
        found.setdefault(key, set()).add(kind.strip())
    return found
