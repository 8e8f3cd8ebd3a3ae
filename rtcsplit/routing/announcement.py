"""What a transceiver says about itself in the registry: one line, signed with the hint keys.

::

    1 KEY CLUSTER ID ADDRESS STATE EXPIRES MAC

Version, key id, the two ids, the internal address, ``active`` or ``draining``, milliseconds since 1970, and 32 hex
digits of HMAC-SHA-256 over the line before it. Whoever can write to the registry, but has no key, can delete a line or
put back an old one, and cannot make a relay send anywhere. Format for readers: docs/reference/registry.md.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import UsageError
from ..wire.address import Address
from .directory import DirectoryEntry, EntryState
from .hint import Route, RoutingKeys

__all__ = ["MAX_SIZE", "Announcement"]

MAX_SIZE = 160  # octets; the longest line has 130

_VERSION = "1"
_STATES = {"active": EntryState.ACTIVE, "draining": EntryState.DRAINING}


class Announcement(NamedTuple):
    """One line of the registry.

    Attributes:
        entry: the transceiver.
        expires_ms: milliseconds since 1970 at which it counts no more, by the transceiver's clock.
    """

    entry: DirectoryEntry
    expires_ms: int

    def build(self, keys: RoutingKeys) -> bytes:
        """Return the line.

        Raises:
            UsageError: the ring has no minting key, or the entry is dead: nobody announces that.
        """
        route, address, state = self.entry
        if state is EntryState.DEAD:
            raise UsageError("an entry that is dead is not announced")
        fields = (_VERSION, keys.minting, route.cluster, route.transceiver, address, state.value, self.expires_ms)
        text = " ".join(map(str, fields)).encode()
        _, mac = keys.sign(text)
        return text + b" " + mac.hex().encode()

    @classmethod
    def open(cls, keys: RoutingKeys, line: bytes) -> Announcement | None:
        """Return what a line says; None where it is malformed, or was not signed with a key of this ring."""
        text, _, mac = line.rpartition(b" ")
        try:
            version, key_id, cluster, transceiver, address, state, expires = text.decode("ascii").split(" ")
            if len(line) > MAX_SIZE or version != _VERSION:
                return None
            if not keys.is_signed(text, int(key_id), bytes.fromhex(mac.decode("ascii"))):
                return None
            entry = DirectoryEntry(Route(int(cluster), int(transceiver)), Address.parse(address), _STATES[state])
            return cls(entry, int(expires))
        except (ValueError, KeyError, UsageError):
            return None
