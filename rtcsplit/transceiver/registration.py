"""Tells the relays where this transceiver is, by Redis, as long as it has sessions or takes new ones.

Needs redis (``pip install 'rtcsplit[redis]'``). Redis away means that relays go on with what they know; nothing here
touches a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import TracebackType

from ..relay.background import Background
from ..relay.directory_redis import INDEX, LIFETIME_SECONDS, announcement_key
from ..relay.redis_link import RedisLink, RedisUnavailable
from ..routing.announcement import Announcement
from ..routing.directory import DirectoryEntry, EntryState
from ..routing.hint import Route, RoutingKeys
from ..wire.address import Address

__all__ = ["Registration"]

_RENEW_SECONDS = 2.0
_LOOK_SECONDS = 0.25  # how soon a drain is told
_FORGET_SECONDS = 3600  # names of transceivers that have long gone


class Registration:
    """An asynchronous context manager: announced within it, withdrawn at its end.

    Args:
        link: to Redis; stays the caller's.
        keys: returns the ring that signs the announcement of the moment; it mints.
        route: the transceiver's ids.
        address: where relays send to.
        is_draining: asked again and again: no new sessions.

    Attributes:
        announced: how often it was announced.
    """

    def __init__(
        self,
        link: RedisLink,
        keys: Callable[[], RoutingKeys],
        route: Route,
        address: Address,
        is_draining: Callable[[], bool],
    ) -> None:
        self._link = link
        self._keys = keys
        self._route = route
        self._address = address
        self._is_draining = is_draining
        self._task = Background()
        self.announced = 0

    async def __aenter__(self) -> Registration:
        with contextlib.suppress(RedisUnavailable):
            await self._announce(self._state())
        self._task.start(self._keep_announced())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._task.end()
        with contextlib.suppress(RedisUnavailable):
            await self._withdraw()

    async def _keep_announced(self) -> None:
        said, due = self._state(), time.monotonic() + _RENEW_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._state() is said and time.monotonic() < due:
                continue
            said, due = self._state(), time.monotonic() + _RENEW_SECONDS
            with contextlib.suppress(RedisUnavailable):
                await self._announce(said)

    def _state(self) -> EntryState:
        return EntryState.DRAINING if self._is_draining() else EntryState.ACTIVE

    async def _announce(self, state: EntryState) -> None:
        now_ms = int(1000 * time.time())
        expires_ms = now_ms + 1000 * LIFETIME_SECONDS
        line = Announcement(DirectoryEntry(self._route, self._address, state), expires_ms).build(self._keys())
        index = self._link.key(INDEX)
        await self._link.run(
            [
                ("SET", announcement_key(self._link, self._route), line, "EX", LIFETIME_SECONDS),
                ("ZADD", index, expires_ms, str(self._route)),
                ("ZREMRANGEBYSCORE", index, "-inf", now_ms - 1000 * _FORGET_SECONDS),
            ],
            is_atomic=True,
        )
        self.announced += 1

    async def _withdraw(self) -> None:
        await self._link.run(
            [
                ("DEL", announcement_key(self._link, self._route)),
                ("ZREM", self._link.key(INDEX), str(self._route)),
            ],
            is_atomic=True,
        )
