"""The directory: which internal address a route leads to.

A value: its sources (a file, code) make a new one and hand it to the relay whole.

As a file it is TOML::

    [[transceiver]]
    cluster = 1
    id = 2
    address = "10.0.0.5:5000"
    state = "active"            # or "draining", "dead"; "active" where it is left out
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigurationError, UsageError
from ..wire.address import Address
from .hint import Route

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Directory", "DirectoryEntry", "EntryState"]

_TABLE = "transceiver"
_FIELDS = ("cluster", "id", "address", "state")


class EntryState(Enum):
    """What a transceiver is used for."""

    ACTIVE = "active"  # new sessions and running ones
    DRAINING = "draining"  # running sessions only; still routed
    DEAD = "dead"  # nothing is routed there


class DirectoryEntry(NamedTuple):
    """One transceiver.

    Attributes:
        route: its ids.
        address: its internal address; proxied datagrams go there and come from there.
        state: what it is used for.
    """

    route: Route
    address: Address
    state: EntryState = EntryState.ACTIVE

    @property
    def is_routed(self) -> bool:
        """Whether a relay sends to it."""
        return self.state is not EntryState.DEAD


class Directory:
    """Immutable; compares by its entries.

    Attributes:
        entries: as given.
    """

    __slots__ = ("_by_address", "_by_route", "entries")

    def __init__(self, entries: Iterable[DirectoryEntry] = ()) -> None:
        """Check the entries and index them.

        Raises:
            UsageError: two entries with one route, two that are not dead with one address, or an address that is no
                unicast address with a port.
        """
        self.entries = tuple(entries)
        self._by_route: dict[Route, DirectoryEntry] = {}
        self._by_address: dict[Address, DirectoryEntry] = {}
        for entry in self.entries:
            _check_address(entry.address)
            if self._by_route.setdefault(entry.route, entry) is not entry:
                raise UsageError(f"two entries have the route {entry.route}")
            if entry.is_routed and self._by_address.setdefault(entry.address, entry) is not entry:
                raise UsageError(f"two entries have the address {entry.address}")

    @classmethod
    def from_file(cls, path: str | Path, *, setting: str = "directory") -> Directory:
        """Return the directory in a TOML file.

        Args:
            path: the file.
            setting: dotted name of the setting that named it, for the error.

        Raises:
            ConfigurationError: the file cannot be read, or what it holds is no directory.
        """
        try:
            document = tomllib.loads(Path(path).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(setting, str(path), f"a readable file ({error})") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(setting, str(path), f"a TOML file ({error})") from None
        return cls._from_document(document)

    @classmethod
    def from_toml(cls, text: str) -> Directory:
        """Return the directory in a TOML text.

        Raises:
            ConfigurationError: what it holds is no directory.
        """
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError("directory", "(text)", f"TOML ({error})") from None
        return cls._from_document(document)

    @classmethod
    def from_tables(cls, tables: object, *, setting: str = _TABLE) -> Directory:
        """Return the directory of an array of tables, such as a part of a larger configuration.

        Args:
            setting: dotted name of the array, for the error.

        Raises:
            ConfigurationError: names the key at fault.
        """
        if not isinstance(tables, list):
            raise ConfigurationError(setting, tables, "an array of tables")
        entries = [_entry(table, f"{setting}[{index}]") for index, table in enumerate(tables)]
        try:
            return cls(entries)
        except UsageError as error:
            raise ConfigurationError(setting, f"{len(entries)} entries", f"a consistent directory: {error}") from None

    @classmethod
    def _from_document(cls, document: dict[str, object]) -> Directory:
        for key in document:
            if key != _TABLE:
                raise ConfigurationError(key, document[key], f"nothing but [[{_TABLE}]]")
        return cls.from_tables(document.get(_TABLE, []))

    def lookup(self, route: Route) -> DirectoryEntry | None:
        """Return the route's entry, whatever its state."""
        return self._by_route.get(route)

    def lookup_address(self, address: Address) -> DirectoryEntry | None:
        """Return the entry that datagrams from this internal address belong to; dead ones are not found."""
        return self._by_address.get(address)

    def active(self) -> tuple[DirectoryEntry, ...]:
        """Return the entries that take new sessions."""
        return tuple(entry for entry in self.entries if entry.state is EntryState.ACTIVE)

    def outside(self, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> tuple[DirectoryEntry, ...]:
        """Return the entries whose addresses are in none of these networks."""
        within = tuple(networks)
        return tuple(e for e in self.entries if not any(ipaddress.ip_address(e.address.host) in net for net in within))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Directory) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def __repr__(self) -> str:
        return f"Directory({list(self.entries)!r})"


def _check_address(address: Address) -> None:
    ip = ipaddress.ip_address(address.host)
    if not 1 <= address.port <= 65535 or ip.is_multicast or ip.is_unspecified:
        raise UsageError(f"{address} is no address that a transceiver can have")


def _entry(table: object, setting: str) -> DirectoryEntry:
    if not isinstance(table, dict):
        raise ConfigurationError(setting, table, "a table")
    for key in table:
        if key not in _FIELDS:
            raise ConfigurationError(f"{setting}.{key}", table[key], f"one of {', '.join(_FIELDS)}")
    route = Route(_id(table, "cluster", setting), _id(table, "id", setting))
    text = table.get("address")
    try:
        address = Address.parse(text if isinstance(text, str) else "")
        _check_address(address)
    except UsageError:
        raise ConfigurationError(
            f"{setting}.address", text, 'a literal address and port, "10.0.0.5:5000" or "[fd00::5]:5000"'
        ) from None
    try:
        state = EntryState(table.get("state", "active"))
    except ValueError:
        states = ", ".join(state.value for state in EntryState)
        raise ConfigurationError(f"{setting}.state", table["state"], f"one of {states}") from None
    return DirectoryEntry(route, address, state)


def _id(table: dict[str, object], name: str, setting: str) -> int:
    value = table.get(name)
    if type(value) is not int or not 0 <= value <= 0xFFFF:
        raise ConfigurationError(f"{setting}.{name}", value, "an integer within 0..65535")
    return value
