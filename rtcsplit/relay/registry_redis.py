"""The registry in Redis: an announcement that lives for ten seconds (docs/reference/registry.md).

Needs redis (``pip install 'rtcsplit[redis]'``).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from ..routing.announcement import Announced, Announcement, registry_name
from ..routing.hint import RoutingKeys
from .directory_redis import LIFETIME_SECONDS, announcement_key
from .redis_link import RedisLink, RedisUnavailable

__all__ = ["RedisRegistry"]

_FORGET_SECONDS = 3600  # names of those that have long gone


class RedisRegistry:
    """A :class:`~rtcsplit.relay.registration.Registry`.

    Args:
        link: to Redis; stays the caller's.
        keys: returns the ring that signs the announcement of the moment; it mints.
    """

    renew_seconds = 2.0

    def __init__(self, link: RedisLink, keys: Callable[[], RoutingKeys]) -> None:
        self._link = link
        self._keys = keys

    async def announce(self, entry: Announced) -> bool:
        """Say what is true for the next ten seconds; False while Redis is away."""
        now_ms = int(1000 * time.time())
        expires_ms = now_ms + 1000 * LIFETIME_SECONDS
        line = Announcement(entry, expires_ms).build(self._keys())
        index, name = registry_name(entry)
        with contextlib.suppress(RedisUnavailable):
            await self._link.run(
                [
                    ("SET", announcement_key(self._link, entry), line, "EX", LIFETIME_SECONDS),
                    ("ZADD", self._link.key(index), expires_ms, name),
                    ("ZREMRANGEBYSCORE", self._link.key(index), "-inf", now_ms - 1000 * _FORGET_SECONDS),
                ],
                is_atomic=True,
            )
            return True
        return False

    async def withdraw(self, entry: Announced) -> None:
        """Take the announcement back; while Redis is away it expires by itself."""
        index, name = registry_name(entry)
        commands: list[tuple[str, ...]] = [
            ("DEL", announcement_key(self._link, entry)),
            ("ZREM", self._link.key(index), name),
        ]
        with contextlib.suppress(RedisUnavailable):
            await self._link.run(commands, is_atomic=True)
