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
from ..routing.directory import Directory, DirectoryEntry
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


def consistent(entries: Iterable[DirectoryEntry], networks: Networks, *, is_ipv4_only: bool) -> Directory:
    """Return a directory of those entries that a relay can use.

    For sources with many writers, where one wrong entry must not take the others along. Left out are addresses outside
    of the networks or that no transceiver can have, and of two entries with one address or route the later one.

    Args:
        entries: the most trusted first.
        networks: where transceivers may be; everywhere if empty.
        is_ipv4_only: whether the relay's upstream side has no IPv6.
    """
    kept: list[DirectoryEntry] = []
    taken: set[object] = set()
    for entry in entries:
        ip = ip_address(entry.address.host)
        is_outside = networks and not any(ip in network for network in networks)
        if is_outside or (is_ipv4_only and not entry.address.is_ipv4) or {entry.route, entry.address} & taken:
            continue
        with contextlib.suppress(RtcsplitError):  # an address that no transceiver can have
            Directory([entry])
            kept.append(entry)
            taken |= {entry.route, entry.address}
    kept.sort(key=lambda entry: (entry.route.cluster, entry.route.transceiver))
    return Directory(kept)
