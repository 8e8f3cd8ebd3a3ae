"""The directory of the transceivers, and of clusters' relays, that announce themselves in Redis.

An entry lives as long as its announcement is renewed; by the relay's own clock, so that the clocks of the hosts need to
agree by half a minute only. While Redis is away nothing expires, and for a while after it is back, so that the
transceivers have time to announce themselves again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..routing.announcement import INDICES, MAX_SIZE, Announced, Announcement, registry_name
from ..routing.directory import Cluster, ClusterRelay, Directory, DirectoryEntry
from ..routing.hint import RoutingKeys
from ..wire.address import Address
from .directory_follower import DirectoryUnavailableError, Networks, consistent
from .redis_link import RedisLink, RedisUnavailable

__all__ = ["LIFETIME_SECONDS", "RedisSource", "announcement_key"]

LIFETIME_SECONDS = 10
_CLOCK_SKEW_SECONDS = 30
_MOST = 4096  # of each kind
_NAME = re.compile(rb"\d{1,5}/[0-9a-f.:\[\]]{1,50}")


def announcement_key(link: RedisLink, entry: Announced) -> str:
    """Return the key of an announcement."""
    return _key(link, *registry_name(entry))


def _key(link: RedisLink, index: str, name: str) -> str:
    return link.key(f"{index.removesuffix('s')}:{name}")


Name = tuple[str, str]  # index, and name in it


class _Known(NamedTuple):
    announcement: Announcement
    deadline: float  # by the monotonic clock


class RedisSource:
    """A :class:`~rtcsplit.relay.directory_follower.DirectorySource`.

    Args:
        link: to Redis; stays the caller's.
        keys: returns the ring in force; announcements of others are not believed.
        networks: where transceivers may be; everywhere if empty.
        is_ipv4_only: whether the relay's upstream side has no IPv6.
        cluster: the relay's own, if it is in one: its transceivers are reached without another relay. Those of other
            clusters are reached through their relays, where there are any.
    """

    interval = 1.0

    def __init__(
        self,
        link: RedisLink,
        keys: Callable[[], RoutingKeys],
        networks: Networks,
        *,
        is_ipv4_only: bool,
        cluster: int | None = None,
    ) -> None:
        self._link = link
        self._keys = keys
        self._networks = networks
        self._is_ipv4_only = is_ipv4_only
        self._cluster = cluster
        self._known: dict[Name, _Known] = {}

    async def read(self) -> Directory:
        """Return who is announced.

        Raises:
            DirectoryUnavailableError: Redis does not answer, or has something else where an index should be.
        """
        try:
            lines = await self._lines()
        except (RedisUnavailable, DirectoryUnavailableError) as error:
            grace = time.monotonic() + LIFETIME_SECONDS
            self._known = {name: known._replace(deadline=grace) for name, known in self._known.items()}
            raise DirectoryUnavailableError(str(error)) from None
        for name, line in lines.items():
            self._note(name, line)
        now = time.monotonic()
        self._known = {name: known for name, known in self._known.items() if known.deadline > now}
        newest_first = sorted(self._known.values(), key=lambda known: known.announcement.expires_ms, reverse=True)
        announced = [known.announcement.entry for known in newest_first]
        relays = [entry for entry in announced if isinstance(entry, ClusterRelay) and entry.cluster != self._cluster]
        return consistent(
            [entry for entry in announced if isinstance(entry, DirectoryEntry)],
            self._networks,
            is_ipv4_only=self._is_ipv4_only,
            clusters=_clusters(relays),
        )

    async def _lines(self) -> dict[Name, bytes]:
        since = int(1000 * (time.time() - _CLOCK_SKEW_SECONDS))
        ranges = [("ZREVRANGEBYSCORE", self._link.key(i), "+inf", since, "LIMIT", 0, _MOST) for i in INDICES]
        names: list[Name] = []
        for index, found in zip(INDICES, await self._link.run(ranges), strict=True):
            if not isinstance(found, list):
                raise DirectoryUnavailableError(f"{self._link.key(index)} in Redis is no index: {found}")
            names += [(index, name.decode()) for name in found if isinstance(name, bytes) and _NAME.fullmatch(name)]
        if not names:
            return {}
        lines = await self._link.run([("GETRANGE", _key(self._link, *name), 0, MAX_SIZE) for name in names])
        return {name: line for name, line in zip(names, lines, strict=True) if isinstance(line, bytes) and line}

    def _note(self, name: Name, line: bytes) -> None:
        """Renew an entry; only an announcement newer than the last one does, so that old ones are good for nothing."""
        announcement = Announcement.open(self._keys(), line)
        if announcement is None or registry_name(announcement.entry) != name:
            return
        if announcement.expires_ms < 1000 * (time.time() - _CLOCK_SKEW_SECONDS):
            return
        known = self._known.get(name)
        if known is None or announcement.expires_ms > known.announcement.expires_ms:
            self._known[name] = _Known(announcement, time.monotonic() + LIFETIME_SECONDS)


def _clusters(relays: Iterable[ClusterRelay]) -> list[Cluster]:
    """Those that have relays; the order is that of the addresses, so that equal directories compare equal."""
    by_id: dict[int, list[Address]] = {}
    for relay in sorted(relays):
        by_id.setdefault(relay.cluster, []).append(relay.address)
    return [Cluster(id_, tuple(addresses)) for id_, addresses in by_id.items()]
