"""When the event loop takes datagrams off the socket: at once, or after they have gathered.

Any event loop can tell when there is something to receive. A :class:`.PacketLoop` receives while it waits, and is told
of what is left for Python.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from .._native.pause import PauseTimer
from .datagrams import DatagramBatch
from .facts import Received
from .packet_loop import PacketLoop

__all__ = ["Reader", "new_reader"]

Handle = Callable[[list[Received]], None]


class Reader(Protocol):
    """Hands over what is received in the running event loop, from :meth:`start` on."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End; idempotent."""


def new_reader(fd: int, batch: DatagramBatch, handle: Handle) -> Reader:
    """Return what reads in the running event loop.

    Args:
        fd: the socket.
        batch: receives from it.
        handle: takes what is of use of a batch.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, PacketLoop) and not loop.is_watching:
        return WaitingReader(loop, batch, handle)
    return CalledReader(loop, fd, batch, handle)


class WaitingReader:
    """In a loop that receives while it waits; arguments as of :func:`new_reader`."""

    def __init__(self, loop: PacketLoop, batch: DatagramBatch, handle: Handle) -> None:
        self._loop = loop
        self._batch = batch
        self._handle = handle
        self._is_watching = False
        self._soon: asyncio.Handle | None = None

    def start(self) -> None:
        """Begin."""
        self._is_watching = True
        self._loop.watch(self._wait)

    def stop(self) -> None:
        """End; idempotent."""
        if self._is_watching:
            self._is_watching = False
            self._loop.watch(None)
        if self._soon is not None:
            self._soon.cancel()

    def _wait(self, others: int, seconds: float) -> bool:
        try:
            is_ready = self._batch.wait(others, seconds)
        except OSError as error:
            self.stop()
            self._loop.call_exception_handler({"message": "nothing can be received", "exception": error})
            return True
        if self._batch.has_facts:
            self._soon = self._loop.call_soon(self._take)
        return is_ready

    def _take(self) -> None:
        batch = self._batch.read()
        if batch:
            self._handle(batch)


class CalledReader:
    """In a loop that says when there is something to receive; arguments as of :func:`new_reader`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, batch: DatagramBatch, handle: Handle) -> None:
        self._loop = loop
        self._fd = fd
        self._batch = batch
        self._handle = handle
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
        batch = self._batch.receive()
        try:
            if batch:  # else all of it went back in C
                self._handle(batch)
        finally:  # nobody else would read on
            self._go_on()

    def _go_on(self) -> None:
        pause = self._batch.rest()
        if pause:
            self._unwatch()
            self._is_pausing = True
            self._pause.begin(pause)  # which ends the one before
            return
        if self._is_pausing:
            self._is_pausing = False
            self._pause.end()
        if self._batch.is_full:  # of what is left the kernel need not know
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
