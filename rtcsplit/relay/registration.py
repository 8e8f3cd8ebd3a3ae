"""Tells relays where a transceiver is, or a relay of a cluster, as long as there is something to say.

When to say it is here; where it is said, and how, is a registry's: :mod:`.registry_redis` or :mod:`.registry_file`. A
registry that is away means that relays go on with what they know; nothing here touches a call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from ..routing.announcement import Announced
from .background import Background

__all__ = ["Registration", "Registry"]

_LOOK_SECONDS = 0.25  # how soon a drain is told


class Registry(Protocol):
    """Where relays look.

    Attributes:
        renew_seconds: after which an announcement has to be repeated; infinity for never.
    """

    renew_seconds: float

    async def announce(self, entry: Announced) -> bool:
        """Say what is true from now on; False where nobody listens."""

    async def withdraw(self, entry: Announced) -> None:
        """Say nothing of ``entry`` any more, the latest that was announced."""


class Registration:
    """An asynchronous context manager: announced within it, withdrawn at its end.

    Args:
        registry: stays the caller's.
        entry: returns what is to be said at the moment, asked again and again; None: nothing any more.

    Attributes:
        announced: how often it was announced.
    """

    def __init__(self, registry: Registry, entry: Callable[[], Announced | None]) -> None:
        self._registry = registry
        self._entry = entry
        self._said: Announced | None = None
        self._saying: asyncio.Future[None] | None = None
        self._task = Background()
        self.announced = 0

    async def __aenter__(self) -> Registration:
        await self._say(self._entry())
        self._task.start(self._keep_announced())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._task.end()
        if self._saying is not None:
            await self._saying
        await self._say(None)

    async def _keep_announced(self) -> None:
        due = time.monotonic() + self._registry.renew_seconds
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._entry() == self._said and time.monotonic() < due:
                continue
            due = time.monotonic() + self._registry.renew_seconds
            # Not cancelled with us: Redis' library would drop a connection that waits for an answer, and not close it.
            self._saying = asyncio.ensure_future(self._say(self._entry()))
            await asyncio.shield(self._saying)

    async def _say(self, entry: Announced | None) -> None:
        said, self._said = self._said, entry
        if entry is not None:
            self.announced += await self._registry.announce(entry)
        elif said is not None:
            await self._registry.withdraw(said)
