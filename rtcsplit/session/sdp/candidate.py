"""``a=candidate`` (RFC 8839 section 5.1), both ways.

Remote candidates are read for their form only: an ICE-lite agent learns where its peer is from authenticated
binding requests and never sends to an address because a description names it. Nothing is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import UsageError
from ...wire.address import Address
from .grammar import Line
from .tokens import number

__all__ = ["RemoteCandidate", "build_candidate", "parse_candidate"]

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


def parse_candidate(line: Line) -> RemoteCandidate | None:
    """Return the candidate, None where it is well formed and of no use to us (TCP, RTCP component, a name).

    Raises:
        SdpError: too few fields, or a number out of range.
    """
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
