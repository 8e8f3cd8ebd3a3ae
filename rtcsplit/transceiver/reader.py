"""When the event loop takes datagrams off the socket: at once, or after they have gathered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from .._native.pause import PauseTimer
from .gathering import Gathering

__all__ = ["SocketReader"]


class SocketReader:
    """Calls ``handle`` in the running event loop whenever there may be something to receive, from :meth:`start` on.

    Args:
        fd: the socket.
        handle: receives without waiting, handles what came, and says whether there is more, of which the event loop
            hears nothing.
        gathering: says how long to wait in between.
    """

    def __init__(self, fd: int, handle: Callable[[], bool], gathering: Gathering) -> None:
        self._fd = fd
        self._handle = handle
        self._gathering = gathering
        self._loop = asyncio.get_running_loop()
        self._pause = PauseTimer()  # the loop's own timers have a grain of a millisecond
        self._again: asyncio.Handle | None = None
        self._is_watching = self._is_pausing = False

    def start(self) -> None:
        """Begin."""
        self._loop.add_reader(self._pause.fileno(), self._wake)
        self._watch()

    def stop(self) -> None:
        """End; idempotent."""
        if self._again is not None:
            self._again.cancel()
        self._unwatch()
        if self._pause.fileno() >= 0:
            self._loop.remove_reader(self._pause.fileno())
            self._pause.close()

    def _wake(self) -> None:
        self._again = None
        started = time.monotonic()
        has_more = self._handle()
        self._gathering.handled(started, time.monotonic())
        pause = self._gathering.pause
        if pause:
            self._unwatch()
            self._is_pausing = True
            self._pause.begin(pause)  # which ends the one before
            return
        if self._is_pausing:
            self._is_pausing = False
            self._pause.end()
        if has_more:
            self._unwatch()
            self._again = self._loop.call_soon(self._wake)
        else:
            self._watch()

    def _watch(self) -> None:
        if not self._is_watching:
            self._is_watching = True
            self._loop.add_reader(self._fd, self._wake)

    def _unwatch(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._loop.remove_reader(self._fd)
