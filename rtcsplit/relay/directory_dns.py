"""The directory by DNS: transceivers with a number in their name, such as the pods of a StatefulSet.

``transceiver-{ordinal}.transceiver.default.svc.cluster.local`` is looked up for 0, 1, 2 and so on. A name that does not
exist is a transceiver that is not there; a server that does not answer says nothing, and nothing changes.

A cluster of other relays has one name, whose addresses are all of those relays.

Needs dnspython (``pip install 'rtcsplit[dns]'``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.resolver

from ..errors import ConfigurationError
from ..routing.directory import Cluster, Directory, DirectoryEntry
from ..routing.hint import Route
from ..wire.address import Address
from .directory_follower import DirectoryUnavailableError, Networks, consistent

__all__ = ["ClusterName", "DnsSettings", "DnsSource", "Resolve", "resolver"]

Resolve = Callable[[str], Awaitable[list[str]]]

_LOOKUP_SECONDS = 2.0
_AT_ONCE = 16


class ClusterName(NamedTuple):
    """A cluster's relays by name.

    Attributes:
        cluster: its id.
        name: has the addresses of all of them.
        port: where they take other relays' datagrams.
    """

    cluster: int
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """Which names, and what they stand for.

    Attributes:
        name: with ``{ordinal}`` in it; empty for no transceivers.
        port: of the transceivers' internal addresses.
        cluster: of all of them.
        first_id: the transceiver id of ordinal 0; the others follow.
        count: ordinals 0 to one less are looked up.
        networks: where transceivers may be; everywhere if empty.
        is_ipv4_only: whether the relay's upstream side has no IPv6.
        relays: of other clusters.
        trunk: whether the transceivers may be sent several datagrams in one, docs/reference/trunk.md.
    """

    name: str = ""
    port: int = 0
    cluster: int = 0
    first_id: int = 0
    count: int = 16
    networks: Networks = ()
    is_ipv4_only: bool = False
    relays: tuple[ClusterName, ...] = ()
    trunk: bool = False


class DnsSource:
    """A :class:`~rtcsplit.relay.directory_follower.DirectorySource`.

    Args:
        settings: which names.
        resolve: returns the literal addresses of a name, none if it does not exist; raises
            ``DirectoryUnavailableError`` if that cannot be told. See :func:`resolver`.
    """

    interval = 5.0

    def __init__(self, settings: DnsSettings, resolve: Resolve) -> None:
        self._settings = settings
        self._resolve = resolve
        self._known: dict[int, str] = {}
        self._relays: dict[int, tuple[Address, ...]] = {}

    async def read(self) -> Directory:
        """Return the transceivers and relays whose names exist.

        Raises:
            DirectoryUnavailableError: not one name could be looked up.
        """
        at_once = asyncio.Semaphore(_AT_ONCE)
        settings = self._settings
        ordinals = range(settings.count if settings.name else 0)
        failures = await asyncio.gather(
            *(self._look_up(n, at_once) for n in ordinals),
            *(self._look_up_relays(cluster, at_once) for cluster in settings.relays),
        )
        if all(failures):
            raise DirectoryUnavailableError(failures[0])
        entries = [
            DirectoryEntry(
                Route(settings.cluster, settings.first_id + ordinal),
                Address.of(self._known[ordinal], settings.port),
                trunk=settings.trunk,
            )
            for ordinal in sorted(self._known)
        ]
        clusters = [Cluster(id_, self._relays[id_]) for id_ in sorted(self._relays)]
        return consistent(entries, settings.networks, is_ipv4_only=settings.is_ipv4_only, clusters=clusters)

    async def _look_up_relays(self, cluster: ClusterName, at_once: asyncio.Semaphore) -> str:
        """Note a cluster's relays; return why that cannot be told, or nothing."""
        async with at_once:
            try:
                hosts = await self._resolve(cluster.name)
            except DirectoryUnavailableError as error:
                return str(error)
        self._relays[cluster.cluster] = tuple(Address.of(host, cluster.port) for host in sorted(hosts))
        return ""

    async def _look_up(self, ordinal: int, at_once: asyncio.Semaphore) -> str:
        """Note one transceiver's address; return why that cannot be told, or nothing."""
        async with at_once:
            try:
                addresses = await self._resolve(self._settings.name.replace("{ordinal}", str(ordinal)))
            except DirectoryUnavailableError as error:
                return str(error)
        usable = [host for host in addresses if ":" not in host or not self._settings.is_ipv4_only]
        if not usable:
            self._known.pop(ordinal, None)
        elif self._known.get(ordinal) not in usable:
            self._known[ordinal] = min(usable)
        return ""


def resolver(nameserver: Address | None = None) -> Resolve:
    """Return what looks names up: IPv4 addresses, and IPv6 ones where there are none of the former.

    Args:
        nameserver: asked instead of those in ``/etc/resolv.conf``.

    Raises:
        ConfigurationError: no name server is given, and the system names none.
    """
    try:
        asking = dns.asyncresolver.Resolver(configure=nameserver is None)
    except dns.exception.DNSException as error:
        raise ConfigurationError("directory_dns.nameserver", None, f"a name server ({error})") from None
    if nameserver is not None:
        asking.nameservers = [nameserver.host]
        asking.port = nameserver.port
    asking.lifetime = _LOOKUP_SECONDS

    async def resolve(name: str) -> list[str]:
        for kind in ("A", "AAAA"):
            try:
                answer = await asking.resolve(name, kind, search=True)
            except dns.resolver.NXDOMAIN:
                return []
            except dns.resolver.NoAnswer:
                continue
            except (dns.exception.DNSException, OSError) as error:
                raise DirectoryUnavailableError(f"{name}: {type(error).__name__}") from None
            return [record.to_text() for record in answer]
        return []

    return resolve
