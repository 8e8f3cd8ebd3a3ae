"""Keeps a relay's directory as its source says, while the relay runs.

A source that fails changes nothing: the relay goes on with what it had, says so once, and asks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address
from types import TracebackType
from typing import Protocol

from ..errors import ConfigurationError, RtcsplitError
from ..routing.directory import RELAYS_MAX, Cluster, Directory, DirectoryEntry
from ..wire.address import Address
from .background import Background
from .relay import Relay

__all__ = ["OUTCOMES", "DirectoryFollower", "DirectorySource", "DirectoryUnavailableError", "consistent"]

_log = logging.getLogger(__name__)

OUTCOMES = ("changed", "unchanged", "failed")

Networks = tuple[IPv4Network | IPv6Network, ...]


class DirectoryUnavailableError(RtcsplitError):
    """A source cannot say anything now."""


class DirectorySource(Protocol):
    """Where a directory comes from.

    Attributes:
        interval: seconds between two readings.
    """

    interval: float

    async def read(self) -> Directory | None:
        """Return the directory as it is now; None: as it was.

        Raises:
            RtcsplitError: it cannot be read, or what is there is no directory.
        """


class DirectoryFollower:
    """An asynchronous context manager: reads once at its beginning, and then again and again.

    Args:
        relay: whose directory it is.
        source: where it comes from.

    Attributes:
        readings: how many, by outcome.
    """

    def __init__(self, relay: Relay, source: DirectorySource) -> None:
        self._relay = relay
        self._source = source
        self._failure = ""
        self._task = Background()
        self.readings: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))

    async def __aenter__(self) -> DirectoryFollower:
        await self._follow_once()
        self._task.start(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._task.end()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._source.interval)
            await self._follow_once()

    async def _follow_once(self) -> None:
        try:
            directory = await self._source.read()
            if directory is None or directory == self._relay.directory:
                self.readings["unchanged"] += 1
            else:
                self._relay.replace_directory(directory)
                self.readings["changed"] += 1
                facts = {
                    "entries": len(directory.entries),
                    "active": len(directory.active()),
                    "clusters": len(directory.clusters),
                }
                _log.info("directory_replaced", extra=facts)
            self._failure = ""
        except RtcsplitError as error:
            self._fail(error)

    def _fail(self, error: RtcsplitError) -> None:
        self.readings["failed"] += 1
        if str(error) == self._failure:
            return
        self._failure = str(error)
        facts: dict[str, object] = {"reason": str(error)}
        if isinstance(error, ConfigurationError):
            facts = {"key": error.key, "value": error.value, "expected": error.expected}
        _log.error("directory_failed", extra=facts)


def consistent(
    entries: Iterable[DirectoryEntry], networks: Networks, *, is_ipv4_only: bool, clusters: Iterable[Cluster] = ()
) -> Directory:
    """Return a directory of those entries that a relay can use.

    For sources with many writers, where one wrong entry must not take the others along. Left out are addresses outside
    of the networks or that nobody can have, of two entries with one address or route the later one, and entries of
    clusters that have relays.

    Args:
        entries: the most trusted first.
        networks: where transceivers and relays may be; everywhere if empty.
        is_ipv4_only: whether the relay's upstream side has no IPv6.
        clusters: those with relays.
    """
    taken: set[object] = set()

    def is_usable(address: Address) -> bool:
        ip = ip_address(address.host)
        is_outside = networks and not any(ip in network for network in networks)
        if is_outside or (is_ipv4_only and not address.is_ipv4) or address in taken:
            return False
        with contextlib.suppress(RtcsplitError):  # an address that nobody can have
            Directory(clusters=[Cluster(0, (address,))])
            return True
        return False

    kept_clusters: dict[int, Cluster] = {}
    for cluster in clusters:
        room = RELAYS_MAX - sum(len(kept.relays) for kept in kept_clusters.values())
        if relays := tuple(filter(is_usable, cluster.relays))[:room]:
            kept_clusters[cluster.id] = Cluster(cluster.id, relays)
            taken.update(relays)
    kept: list[DirectoryEntry] = []
    for entry in entries:
        if entry.route.cluster not in kept_clusters and entry.route not in taken and is_usable(entry.address):
            kept.append(entry)
            taken |= {entry.route, entry.address}
    kept.sort(key=lambda entry: (entry.route.cluster, entry.route.transceiver))
    return Directory(kept, kept_clusters.values())
