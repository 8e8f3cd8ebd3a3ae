"""``a=extmap``: RTP header extensions and their ids (RFC 8285 sections 5 to 8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..negotiation import Direction
from .grammar import Level, Line
from .tokens import number

__all__ = ["Extension", "check_extension_ids", "parse_extensions"]

_LONGEST_ID = 4_351  # 4096..4351 stand for "assign one" (RFC 8285 section 7)
_LAST_ONE_BYTE_ID = 14


@dataclass(frozen=True, slots=True)
class Extension:
    """One offered extension.

    Attributes:
        id: 1..14, what the one-byte form carries (RFC 8285 section 4.2).
        uri: what it is.
        direction: as offered; None where the line names none.
    """

    id: int
    uri: str
    direction: Direction | None


def parse_extensions(section: Level, session: Level) -> tuple[Extension, ...]:
    """Return what ``section`` offers, session-level lines included.

    Ids beyond 14 need the two-byte form, 15 is reserved in the one-byte form: such lines are legal and left out.

    Raises:
        SdpError: no id, an id twice in one level, no URI, an unknown direction.
    """
    found: dict[int, Extension] = {}
    for extension in (*_extensions(session), *_extensions(section)):
        found[extension.id] = extension
    return tuple(extension for extension in found.values() if extension.id <= _LAST_ONE_BYTE_ID)


def check_extension_ids(head: Line, offered: tuple[Extension, ...], negotiated: Mapping[str, int]) -> None:
    """Refuse a later offer that gives an id in use to another extension, or moves an extension to another id.

    Packets that are under way would be misread (RFC 8285 sections 5 and 7). An extension may be left out, and come back
    under its old id.

    Args:
        head: the section's ``m=`` line, for the error.
        offered: of the later offer.
        negotiated: extension URI to id, of the session.

    Raises:
        SdpError: ``extension_moved``; nothing was changed.
    """
    owners = {local_id: uri for uri, local_id in negotiated.items()}
    for extension in offered:
        is_moved = negotiated.get(extension.uri, extension.id) != extension.id
        if is_moved or owners.get(extension.id, extension.uri) != extension.uri:
            reason = f"extension id {extension.id} stood for something else, or its extension had another id"
            raise head.unsupported("extension_moved", reason)


def _extensions(level: Level) -> Iterator[Extension]:
    ids: set[int] = set()
    for line in level.all("extmap"):
        mapping, _, rest = line.value.partition(" ")
        text, slash, direction = mapping.partition("/")
        key = number(line, text, 1, _LONGEST_ID)
        uri = rest.partition(" ")[0]
        if not uri or key in ids:
            raise line.malformed("extmap", "extmap is ID URI, each id once")
        try:
            yield Extension(key, uri, Direction(direction) if slash else None)
        except ValueError:
            raise line.malformed("extmap", "an unknown direction") from None
        ids.add(key)
