"""One task at a time that waits for something to change: what the ends of a call's audio are built of."""

from __future__ import annotations

import asyncio

from ..errors import UsageError

__all__ = ["Change"]


class Change:
    """Wakes the one task that waits. Being cancelled while waiting changes nothing."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits."""
        return self._waiter is not None

    async def wait(self) -> None:
        """Return after the next :meth:`notify`.

        Raises:
            UsageError: another task is waiting already.
        """
        if self._waiter is not None:
            raise UsageError("another task is waiting here already")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def notify(self) -> None:
        """Wake whoever waits."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
