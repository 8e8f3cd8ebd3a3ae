"""The directory: which internal addresses a route leads to.

A value: its sources (a file, code) make a new one and hand it to the relay whole.

As a file it is TOML::

    [[transceiver]]
    cluster = 1
    id = 2
    address = "10.0.0.5:5000"
    state = "active"            # or "draining", "dead"; "active" where it is left out
    trunk = true                # relays may send several datagrams in one; false where it is left out

    [[cluster]]                 # of other relays: its transceivers are reached through any of them
    id = 2
    relays = ["10.1.0.1:4000", "10.1.0.2:4000"]
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

__all__ = ["RELAYS_MAX", "Cluster", "ClusterRelay", "Directory", "DirectoryEntry", "EntryState"]

_TABLE, _CLUSTERS = "transceiver", "cluster"
_FIELDS = ("cluster", "id", "address", "state", "trunk")

RELAYS_MAX = 512  # of all clusters: RS_ROUTING_RELAYS in csrc/routing.h


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
        trunk: whether relays may send it several datagrams in one, docs/reference/trunk.md.
    """

    route: Route
    address: Address
    state: EntryState = EntryState.ACTIVE
    trunk: bool = False

    @property
    def is_routed(self) -> bool:
        """Whether a relay sends to it."""
        return self.state is not EntryState.DEAD


class Cluster(NamedTuple):
    """A cluster behind relays of its own.

    Attributes:
        id: its number.
        relays: where they take other relays' datagrams; any of them reaches all of its transceivers.
    """

    id: int
    relays: tuple[Address, ...]


class ClusterRelay(NamedTuple):
    """One of a cluster's relays.

    Attributes:
        cluster: whose.
        address: where it takes other relays' datagrams.
    """

    cluster: int
    address: Address


class Directory:
    """Immutable; compares by its entries and clusters.

    Attributes:
        entries: as given.
        clusters: as given.
    """

    __slots__ = ("_by_address", "_by_route", "clusters", "entries")

    def __init__(self, entries: Iterable[DirectoryEntry] = (), clusters: Iterable[Cluster] = ()) -> None:
        """Check the entries and index them.

        Raises:
            UsageError: two entries with one route, two that are not dead with one address, an address that is no
                unicast address with a port, a cluster twice, without relays, or with transceivers besides, or more
                relays than a relay can have.
        """
        self.entries = tuple(entries)
        self.clusters = tuple(clusters)
        self._by_route: dict[Route, DirectoryEntry] = {}
        self._by_address: dict[Address, DirectoryEntry] = {}
        for entry in self.entries:
            _check_address(entry.address)
            if self._by_route.setdefault(entry.route, entry) is not entry:
                raise UsageError(f"two entries have the route {entry.route}")
            if entry.is_routed and self._by_address.setdefault(entry.address, entry) is not entry:
                raise UsageError(f"two entries have the address {entry.address}")
        self._check_clusters()

    def _check_clusters(self) -> None:
        taken = {*self._by_address}
        reached = {entry.route.cluster for entry in self.entries}
        for cluster in self.clusters:
            if cluster.id in reached or not cluster.relays:
                raise UsageError(f"cluster {cluster.id} needs relays, in one place, and no transceivers besides")
            reached.add(cluster.id)
            for address in cluster.relays:
                _check_address(address)
                if address in taken:
                    raise UsageError(f"two entries have the address {address}")
                taken.add(address)
        if sum(len(cluster.relays) for cluster in self.clusters) > RELAYS_MAX:
            raise UsageError(f"there are more than {RELAYS_MAX} relays")

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
        except (tomllib.TOMLDecodeError, RecursionError) as error:
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
        except (tomllib.TOMLDecodeError, RecursionError) as error:
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
            if key not in (_TABLE, _CLUSTERS):
                raise ConfigurationError(key, document[key], f"nothing but [[{_TABLE}]] and [[{_CLUSTERS}]]")
        directory = cls.from_tables(document.get(_TABLE, []))
        tables = document.get(_CLUSTERS, [])
        if not isinstance(tables, list):
            raise ConfigurationError(_CLUSTERS, tables, "an array of tables")
        clusters = [_cluster(table, f"{_CLUSTERS}[{index}]") for index, table in enumerate(tables)]
        try:
            return cls(directory.entries, clusters)
        except UsageError as error:
            raise ConfigurationError(_CLUSTERS, f"{len(clusters)} clusters", f"consistent clusters: {error}") from None

    def lookup(self, route: Route) -> DirectoryEntry | None:
        """Return the route's entry, whatever its state."""
        return self._by_route.get(route)

    def lookup_address(self, address: Address) -> DirectoryEntry | None:
        """Return the entry that datagrams from this internal address belong to; dead ones are not found."""
        return self._by_address.get(address)

    def active(self) -> tuple[DirectoryEntry, ...]:
        """Return the entries that take new sessions."""
        return tuple(entry for entry in self.entries if entry.state is EntryState.ACTIVE)

    def addresses(self) -> tuple[Address, ...]:
        """Return all addresses, of transceivers and of clusters' relays."""
        relays = (address for cluster in self.clusters for address in cluster.relays)
        return (*(entry.address for entry in self.entries), *relays)

    def outside(self, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> tuple[Address, ...]:
        """Return the addresses that are in none of these networks."""
        within = tuple(networks)
        return tuple(a for a in self.addresses() if not any(ipaddress.ip_address(a.host) in net for net in within))

    def to_toml(self) -> str:
        """Return the text that :meth:`from_toml` makes this directory of."""
        lines = [
            f"[[{_TABLE}]]\ncluster = {entry.route.cluster}\nid = {entry.route.transceiver}\n"
            f'address = "{entry.address}"\nstate = "{entry.state.value}"\ntrunk = {str(entry.trunk).lower()}\n'
            for entry in self.entries
        ]
        for cluster in self.clusters:
            relays = ", ".join(f'"{address}"' for address in cluster.relays)
            lines.append(f"[[{_CLUSTERS}]]\nid = {cluster.id}\nrelays = [{relays}]\n")
        return "".join(lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Directory) and (self.entries, self.clusters) == (other.entries, other.clusters)

    def __hash__(self) -> int:
        return hash((self.entries, self.clusters))

    def __repr__(self) -> str:
        return f"Directory({list(self.entries)!r}, {list(self.clusters)!r})"


def _check_address(address: Address) -> None:
    ip = ipaddress.ip_address(address.host)
    if not 1 <= address.port <= 65535 or ip.is_multicast or ip.is_unspecified:
        raise UsageError(f"{address} is no address that a transceiver or relay can have")


def _entry(table: object, setting: str) -> DirectoryEntry:
    if not isinstance(table, dict):
        raise ConfigurationError(setting, table, "a table")
    for key in table:
        if key not in _FIELDS:
            raise ConfigurationError(f"{setting}.{key}", table[key], f"one of {', '.join(_FIELDS)}")
    route = Route(_id(table, "cluster", setting), _id(table, "id", setting))
    address = _address(table.get("address"), f"{setting}.address")
    try:
        state = EntryState(table.get("state", "active"))
    except ValueError:
        states = ", ".join(state.value for state in EntryState)
        raise ConfigurationError(f"{setting}.state", table["state"], f"one of {states}") from None
    trunk = table.get("trunk", False)
    if type(trunk) is not bool:
        raise ConfigurationError(f"{setting}.trunk", trunk, "true or false")
    return DirectoryEntry(route, address, state, trunk)


def _cluster(table: object, setting: str) -> Cluster:
    if not isinstance(table, dict):
        raise ConfigurationError(setting, table, "a table")
    for key in table:
        if key not in ("id", "relays"):
            raise ConfigurationError(f"{setting}.{key}", table[key], "one of id, relays")
    relays = table.get("relays")
    if not isinstance(relays, list) or not relays:
        raise ConfigurationError(f"{setting}.relays", relays, "a list of addresses, at least one")
    return Cluster(_id(table, "id", setting), tuple(_address(text, f"{setting}.relays") for text in relays))


def _address(text: object, setting: str) -> Address:
    try:
        address = Address.parse(text if isinstance(text, str) else "")
        _check_address(address)
    except UsageError:
        expected = 'a literal address and port, "10.0.0.5:5000" or "[fd00::5]:5000"'
        raise ConfigurationError(setting, text, expected) from None
    return address


def _id(table: dict[str, object], name: str, setting: str) -> int:
    value = table.get(name)
    if type(value) is not int or not 0 <= value <= 0xFFFF:
        raise ConfigurationError(f"{setting}.{name}", value, "an integer within 0..65535")
    return value
