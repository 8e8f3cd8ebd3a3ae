"""The directory by DNS: transceivers with a number in their name, such as the pods of a StatefulSet.

``transceiver-{ordinal}.transceiver.default.svc.cluster.local`` is looked up for 0, 1, 2 and so on. A name that does not
exist is a transceiver that is not there; a server that does not answer says nothing, and nothing changes.

Needs dnspython (``pip install 'rtcsplit[dns]'``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.resolver

from ..errors import ConfigurationError
from ..routing.directory import Directory, DirectoryEntry
from ..routing.hint import Route
from ..wire.address import Address
from .directory_follower import DirectoryUnavailableError, Networks, consistent

__all__ = ["DnsSettings", "DnsSource", "Resolve", "resolver"]

Resolve = Callable[[str], Awaitable[list[str]]]

_LOOKUP_SECONDS = 2.0
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """Which names, and what they stand for.

    Attributes:
        name: with ``{ordinal}`` in it.
        port: of the transceivers' internal addresses.
        cluster: of all of them.
        first_id: the transceiver id of ordinal 0; the others follow.
        count: ordinals 0 to one less are looked up.
        networks: where transceivers may be; everywhere if empty.
        is_ipv4_only: whether the relay's upstream side has no IPv6.
    """

    name: str
    port: int
    cluster: int
    first_id: int = 0
    count: int = 16
    networks: Networks = ()
    is_ipv4_only: bool = False


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

    async def read(self) -> Directory:
        """Return the transceivers whose names exist.

        Raises:
            DirectoryUnavailableError: not one name could be looked up.
        """
        at_once = asyncio.Semaphore(_AT_ONCE)
        failures = await asyncio.gather(*(self._look_up(n, at_once) for n in range(self._settings.count)))
        if all(failures):
            raise DirectoryUnavailableError(failures[0])
        settings = self._settings
        entries = [
            DirectoryEntry(
                Route(settings.cluster, settings.first_id + ordinal), Address.of(self._known[ordinal], settings.port)
            )
            for ordinal in sorted(self._known)
        ]
        return consistent(entries, settings.networks, is_ipv4_only=settings.is_ipv4_only)

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
