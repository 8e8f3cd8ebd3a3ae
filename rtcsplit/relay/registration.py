"""Tells relays where a transceiver is, or a relay of a cluster, by Redis, as long as there is something to say.

Needs redis (``pip install 'rtcsplit[redis]'``). Redis away means that relays go on with what they know; nothing here
touches a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import TracebackType

from ..routing.announcement import Announced, Announcement, registry_name
from ..routing.hint import RoutingKeys
from .background import Background
from .directory_redis import LIFETIME_SECONDS, announcement_key
from .redis_link import RedisLink, RedisUnavailable

__all__ = ["Registration"]

_RENEW_SECONDS = 2.0
_LOOK_SECONDS = 0.25  # how soon a drain is told
_FORGET_SECONDS = 3600  # names of those that have long gone


class Registration:
    """An asynchronous context manager: announced within it, withdrawn at its end.

    Args:
        link: to Redis; stays the caller's.
        keys: returns the ring that signs the announcement of the moment; it mints.
        entry: returns what is to be said at the moment, asked again and again; None: nothing any more.

    Attributes:
        announced: how often it was announced.
    """

    def __init__(
        self,
        link: RedisLink,
        keys: Callable[[], RoutingKeys],
        entry: Callable[[], Announced | None],
    ) -> None:
        self._link = link
        self._keys = keys
        self._entry = entry
        self._said: Announced | None = None
        self._saying: asyncio.Future[None] | None = None
        self._task = Background()
        self.announced = 0

    async def __aenter__(self) -> Registration:
        await self._say_if_possible(self._entry())
        self._task.start(self._keep_announced())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._task.end()
        if self._saying is not None:
            await self._saying
        await self._say_if_possible(None)

    async def _keep_announced(self) -> None:
        due = time.monotonic() + _RENEW_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._entry() == self._said and time.monotonic() < due:
                continue
            due = time.monotonic() + _RENEW_SECONDS
            # Not cancelled with us: the library would drop a connection that waits for an answer, without closing it.
            self._saying = asyncio.ensure_future(self._say_if_possible(self._entry()))
            await asyncio.shield(self._saying)

    async def _say_if_possible(self, entry: Announced | None) -> None:
        with contextlib.suppress(RedisUnavailable):
            await self._say(entry)

    async def _say(self, entry: Announced | None) -> None:
        said, self._said = self._said, entry
        if entry is not None:
            await self._announce(entry)
        elif said is not None:
            await self._withdraw(said)

    async def _announce(self, entry: Announced) -> None:
        now_ms = int(1000 * time.time())
        expires_ms = now_ms + 1000 * LIFETIME_SECONDS
        line = Announcement(entry, expires_ms).build(self._keys())
        index, name = registry_name(entry)
        await self._link.run(
            [
                ("SET", announcement_key(self._link, entry), line, "EX", LIFETIME_SECONDS),
                ("ZADD", self._link.key(index), expires_ms, name),
                ("ZREMRANGEBYSCORE", self._link.key(index), "-inf", now_ms - 1000 * _FORGET_SECONDS),
            ],
            is_atomic=True,
        )
        self.announced += 1

    async def _withdraw(self, entry: Announced) -> None:
        index, name = registry_name(entry)
        await self._link.run(
            [("DEL", announcement_key(self._link, entry)), ("ZREM", self._link.key(index), name)], is_atomic=True
        )
