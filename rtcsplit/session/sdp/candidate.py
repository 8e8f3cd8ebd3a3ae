"""``a=candidate`` (RFC 8839 section 5.1), both ways.

Remote candidates are read for their form only: an ICE-lite agent learns where its peer is from authenticated
binding requests and never sends to an address because a description names it. Nothing is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import UsageError
from ...wire.address import Address
from .grammar import Level, Line
from .tokens import number

__all__ = ["MAX_CANDIDATES", "RemoteCandidate", "build_candidate", "parse_candidates"]

MAX_CANDIDATES = 64

_HOST_PREFERENCE = 126  # RFC 8445 section 5.1.2.2
_COMPONENT = 1


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """A UDP candidate of component 1 with a literal address.

    Attributes:
        address: as written.
        priority: 1..2^31-1.
        kind: ``host``, ``srflx``, ``prflx`` or ``relay``; other words pass as they are.
    """

    address: Address
    priority: int
    kind: str


def parse_candidates(level: Level) -> tuple[RemoteCandidate, ...]:
    """Return the candidates of a level that are of use to us: UDP, component 1, no names.

    Raises:
        SdpError: one with too few fields or a number out of range, or more than 64 of them.
    """
    lines = level.all("candidate")
    if len(lines) > MAX_CANDIDATES:
        raise lines[MAX_CANDIDATES].malformed("too_many_candidates", f"more than {MAX_CANDIDATES} candidates")
    return tuple(candidate for candidate in map(_parse_candidate, lines) if candidate is not None)


def _parse_candidate(line: Line) -> RemoteCandidate | None:
    fields = line.fields
    if len(fields) < 8 or fields[6] != "typ":
        raise line.malformed("candidate", "a candidate has at least eight fields")
    component = number(line, fields[1], 1, 256)
    priority = number(line, fields[3], 1, 2**31 - 1)
    port = number(line, fields[5], 0, 65_535)
    if component != _COMPONENT or fields[2].lower() != "udp":
        return None
    try:
        return RemoteCandidate(Address.of(fields[4], port), priority, fields[7])
    except UsageError:
        return None


def build_candidate(index: int, address: Address) -> str:
    """Return the line of our host candidate number ``index``, counted from 0 in order of preference."""
    priority = _HOST_PREFERENCE << 24 | (0xFFFF - index) << 8 | (256 - _COMPONENT)
    return f"a=candidate:{index + 1} {_COMPONENT} udp {priority} {address.host} {address.port} typ host"
