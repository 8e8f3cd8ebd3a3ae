"""What a transceiver, or a relay of a cluster, says about itself in the registry: one line, signed with the hint keys.

::

    1 KEY CLUSTER ID ADDRESS STATE EXPIRES [trunk] MAC

Version, key id, the two ids, the internal address, ``active`` or ``draining``, milliseconds since 1970, the word
``trunk`` where relays may send trunks, and 32 hex digits of HMAC-SHA-256 over the line before it; a relay has the word
``relay`` in the place of its id. Whoever can write
to the registry, but has no key, can delete a line or put back an old one, and cannot make a relay send anywhere. Format
for readers: docs/reference/registry.md.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import UsageError
from ..wire.address import Address
from .directory import ClusterRelay, DirectoryEntry, EntryState
from .hint import Route, RoutingKeys

__all__ = ["INDICES", "MAX_SIZE", "Announced", "Announcement", "registry_name"]

MAX_SIZE = 160  # octets; the longest line has 136

INDICES = ("transceivers", "relays")  # sorted sets of names by expiry

Announced = DirectoryEntry | ClusterRelay

_VERSION, _RELAY, _TRUNK = "1", "relay", "trunk"
_STATES = {"active": EntryState.ACTIVE, "draining": EntryState.DRAINING}


class Announcement(NamedTuple):
    """One line of the registry.

    Attributes:
        entry: the transceiver or relay.
        expires_ms: milliseconds since 1970 at which it counts no more, by the transceiver's clock.
    """

    entry: Announced
    expires_ms: int

    def build(self, keys: RoutingKeys) -> bytes:
        """Return the line.

        Raises:
            UsageError: the ring has no minting key, or the entry is dead: nobody announces that.
        """
        if isinstance(self.entry, ClusterRelay):
            ids, state, is_trunk = f"{self.entry.cluster} {_RELAY}", EntryState.ACTIVE, False
        else:
            route, state = self.entry.route, self.entry.state
            ids, is_trunk = f"{route.cluster} {route.transceiver}", self.entry.trunk
        if state is EntryState.DEAD:
            raise UsageError("an entry that is dead is not announced")
        fields = (_VERSION, keys.minting, ids, self.entry.address, state.value, self.expires_ms, *[_TRUNK] * is_trunk)
        text = " ".join(map(str, fields)).encode()
        _, mac = keys.sign(text)
        return text + b" " + mac.hex().encode()

    @classmethod
    def open(cls, keys: RoutingKeys, line: bytes) -> Announcement | None:
        """Return what a line says; None where it is malformed, or was not signed with a key of this ring."""
        text, _, mac = line.rpartition(b" ")
        try:
            version, key_id, cluster, number, address, state, expires, *more = text.decode("ascii").split(" ")
            if len(line) > MAX_SIZE or version != _VERSION or more not in ([], [_TRUNK]):
                return None
            if not keys.is_signed(text, int(key_id), bytes.fromhex(mac.decode("ascii"))):
                return None
            if number == _RELAY:
                return cls(ClusterRelay(Route(int(cluster), 0).cluster, Address.parse(address)), int(expires))
            route = Route(int(cluster), int(number))
            return cls(DirectoryEntry(route, Address.parse(address), _STATES[state], bool(more)), int(expires))
        except (ValueError, KeyError, UsageError):
            return None


def registry_name(entry: Announced) -> tuple[str, str]:
    """Return the index that an entry is in, and its name there."""
    if isinstance(entry, ClusterRelay):
        return INDICES[1], f"{entry.cluster}/{entry.address}"
    return INDICES[0], str(entry.route)
