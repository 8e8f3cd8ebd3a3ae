"""The directory of the transceivers that announce themselves in Redis.

An entry lives as long as its announcement is renewed; by the relay's own clock, so that the clocks of the hosts need to
agree by half a minute only. While Redis is away nothing expires, and for a while after it is back, so that the
transceivers have time to announce themselves again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from ..routing.announcement import MAX_SIZE, Announcement
from ..routing.directory import Directory
from ..routing.hint import Route, RoutingKeys
from .directory_follower import DirectoryUnavailableError, Networks, consistent
from .redis_link import RedisLink, RedisUnavailable

__all__ = ["INDEX", "LIFETIME_SECONDS", "RedisSource", "announcement_key"]

INDEX = "transceivers"  # sorted set of routes by expiry
LIFETIME_SECONDS = 10
_CLOCK_SKEW_SECONDS = 30
_MOST = 4096  # entries
_NAME = re.compile(rb"(\d{1,5})/(\d{1,5})")


def announcement_key(link: RedisLink, route: Route) -> str:
    """Return the key of a transceiver's announcement."""
    return link.key(f"transceiver:{route}")


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
    """

    interval = 1.0

    def __init__(
        self, link: RedisLink, keys: Callable[[], RoutingKeys], networks: Networks, *, is_ipv4_only: bool
    ) -> None:
        self._link = link
        self._keys = keys
        self._networks = networks
        self._is_ipv4_only = is_ipv4_only
        self._known: dict[Route, _Known] = {}

    async def read(self) -> Directory:
        """Return the transceivers that are announced.

        Raises:
            DirectoryUnavailableError: Redis does not answer, or has something else where the index should be.
        """
        try:
            lines = await self._lines()
        except (RedisUnavailable, DirectoryUnavailableError) as error:
            grace = time.monotonic() + LIFETIME_SECONDS
            self._known = {route: known._replace(deadline=grace) for route, known in self._known.items()}
            raise DirectoryUnavailableError(str(error)) from None
        for route, line in lines.items():
            self._note(route, line)
        now = time.monotonic()
        self._known = {route: known for route, known in self._known.items() if known.deadline > now}
        newest_first = sorted(self._known.values(), key=lambda known: known.announcement.expires_ms, reverse=True)
        entries = [known.announcement.entry for known in newest_first]
        return consistent(entries, self._networks, is_ipv4_only=self._is_ipv4_only)

    async def _lines(self) -> dict[Route, bytes]:
        since = int(1000 * (time.time() - _CLOCK_SKEW_SECONDS))
        index = ("ZREVRANGEBYSCORE", self._link.key(INDEX), "+inf", since, "LIMIT", 0, _MOST)
        (names,) = await self._link.run([index])
        if not isinstance(names, list):
            raise DirectoryUnavailableError(f"{self._link.key(INDEX)} in Redis is no index of transceivers: {names}")
        routes = [route for name in names if (route := _route(name)) is not None]
        if not routes:
            return {}
        reads = [("GETRANGE", announcement_key(self._link, route), 0, MAX_SIZE) for route in routes]
        lines = await self._link.run(reads)
        return {route: line for route, line in zip(routes, lines, strict=True) if isinstance(line, bytes) and line}

    def _note(self, route: Route, line: bytes) -> None:
        """Renew an entry; only an announcement newer than the last one does, so that old ones are good for nothing."""
        announcement = Announcement.open(self._keys(), line)
        if announcement is None or announcement.entry.route != route:
            return
        if announcement.expires_ms < 1000 * (time.time() - _CLOCK_SKEW_SECONDS):
            return
        known = self._known.get(route)
        if known is None or announcement.expires_ms > known.announcement.expires_ms:
            self._known[route] = _Known(announcement, time.monotonic() + LIFETIME_SECONDS)


def _route(name: object) -> Route | None:
    match = _NAME.fullmatch(name) if isinstance(name, bytes) else None
    if match is None or max(map(int, match.groups())) > 0xFFFF:
        return None
    return Route(int(match[1]), int(match[2]))
