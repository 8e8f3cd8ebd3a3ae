"""What names a section, of a description or of a fragment: its ``m=`` line (RFC 8866 section 5.14) and its mid."""

from __future__ import annotations

from dataclasses import dataclass

from .grammar import Level, Line
from .tokens import is_token, number

__all__ = ["MediaLine", "parse_media_line", "parse_mid"]

_LONGEST_KIND = 32
_LONGEST_PROTOCOL = 64
_LONGEST_FORMAT = 64
_LONGEST_MID = 32


@dataclass(frozen=True, slots=True)
class MediaLine:
    """Kind, port, protocol and formats; tokens of bounded length, safe to repeat in an answer."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]


def parse_media_line(line: Line) -> MediaLine:
    """Return what ``line`` says.

    Raises:
        SdpError: fewer than four fields, one that is no token, or a port out of range.
    """
    fields = line.fields
    if len(fields) < 4:
        raise line.malformed("media", "m= takes a kind, a port, a protocol and formats")
    kind, port, protocol, *formats = fields
    if not (
        is_token(kind, _LONGEST_KIND)
        and len(protocol) <= _LONGEST_PROTOCOL
        and all(is_token(part, _LONGEST_PROTOCOL) for part in protocol.split("/"))
        and all(is_token(text, _LONGEST_FORMAT) for text in formats)
    ):
        raise line.malformed("media", "kind, protocol and formats of m= are tokens")
    return MediaLine(kind, number(line, port, 0, 65_535), protocol, tuple(formats))


def parse_mid(level: Level) -> str | None:
    """Return the section's mid (RFC 5888), None where it has none.

    Raises:
        SdpError: no token of at most 32 characters, or several of them.
    """
    line = level.only("mid")
    if line is None:
        return None
    if not is_token(line.value, _LONGEST_MID):
        raise line.malformed("mid", f"a mid is a token of at most {_LONGEST_MID} characters")
    return line.value
