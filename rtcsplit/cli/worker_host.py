"""What a worker has in place of ports and signals: a socket to the process that started it (:mod:`.worker_child`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from .._native.shared import die_with
from ..wire.address import Address
from .child import MESSAGE_OCTETS, STOP
from .config import AdminSection
from .extras import needs_extra
from .host import Collectors
from .process import reload_and_log
from .request_head import ids_of_worker
from .worker_child import DRAIN, LOAD, METRICS, RELOAD, REQUEST, SERVING, UNDO

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["WorkerHost"]

log = logging.getLogger(__name__)

_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_LOAD_SECONDS = 0.25


class WorkerHost:
    """A :class:`~rtcsplit.cli.host.Host` in a process that another one started, and that ends with that one.

    Args:
        control: connected to it.
        index: which worker this is.
    """

    def __init__(self, control: socket.socket, index: int) -> None:
        self.random = ids_of_worker(index)
        self._control = control
        self._orders: asyncio.Queue[signal.Signals] = asyncio.Queue()
        self._reload: Callable[[], None] = lambda: None
        self._undo: Callable[[], None] = lambda: None
        self._render: Callable[[], bytes] = lambda: b""
        self._take: Callable[[socket.socket, bytes], None] = _refuse
        self._reporting: asyncio.Task[None] | None = None
        self._main = asyncio.current_task()
        self._is_draining = False
        for number in _IGNORED:  # they are for the process that started this one, which says what is to be done
            signal.signal(number, signal.SIG_IGN)
        if not die_with(_peer_of(control)):
            os._exit(1)
        control.setblocking(False)
        asyncio.get_running_loop().add_reader(control, self._receive)

    @contextlib.asynccontextmanager
    async def admin(self, section: AdminSection | None, collectors: Collectors) -> AsyncIterator[str]:
        """Answer for the metrics when asked; whoever asks has the port."""
        if section is not None:
            with needs_extra("metrics"):
                from prometheus_client import generate_latest

                from .admin import registry_of

            registry = registry_of(collectors())
            self._render = lambda: generate_latest(registry)
        yield "none"

    @contextlib.asynccontextmanager
    async def signaling(self, listen: Address, application: ASGIApp) -> AsyncIterator[str]:
        """Serve the connections that are handed over; ``listen`` is the port of whoever does."""
        with needs_extra("signaling"):
            from .handed import serving_handed
        async with serving_handed(application) as take:
            self._take = take
            yield str(listen)
            self._take = _refuse

    def on_reload(self, reload: Callable[[], None]) -> None:
        """Call ``reload`` when told to."""
        self._reload = reload

    def on_undo(self, undo: Callable[[], None]) -> None:
        """Call ``undo`` when told to."""
        self._undo = undo

    def ready(self, line: str, load: Callable[[], int]) -> None:
        """Say where the UDP socket is, and from now on how many calls there are."""
        listen = dict(word.split("=", 1) for word in line.split() if "=" in word)["listen"]
        self._say(SERVING + b" " + listen.encode())
        self._reporting = asyncio.create_task(self._report(load))

    async def until_stopped(self) -> signal.Signals:
        """Return the first order: to drain, or to stop."""
        order = await self._orders.get()
        self._is_draining = order is signal.SIGTERM
        return order

    def resume(self) -> None:
        """Wait for another order."""
        self._is_draining = False

    async def _report(self, load: Callable[[], int]) -> None:
        while True:
            self._say(LOAD + b" %d" % load())
            await asyncio.sleep(_LOAD_SECONDS)

    def _say(self, message: bytes) -> None:
        with contextlib.suppress(OSError):
            self._control.send(message)

    def _receive(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_OCTETS, 1)
        except BlockingIOError:
            return
        except OSError:
            message, descriptors = b"", []
        word, _, rest = message.partition(b" ")
        if word == REQUEST and descriptors:
            self._take(socket.socket(fileno=descriptors[0]), rest)
        elif word == METRICS:
            self._say(METRICS + b" " + self._render())
        elif word == RELOAD:
            reload_and_log(self._reload)
        elif word == DRAIN:
            self._orders.put_nowait(signal.SIGTERM)
        elif word == UNDO:
            self._undo()
        elif word in (STOP, b""):
            self._stop(is_last=not word)

    def _stop(self, *, is_last: bool) -> None:
        if is_last:
            asyncio.get_running_loop().remove_reader(self._control)
        if self._is_draining and self._main is not None:
            self._main.cancel()  # the drain is over: calls are ended, as at its deadline
        else:
            self._orders.put_nowait(signal.SIGINT)


def _refuse(connection: socket.socket, head: bytes) -> None:
    """Hang up: nothing is served yet, or any more."""
    connection.close()


def _peer_of(control: socket.socket) -> int:
    """Return the id of the process that made the pair of sockets."""
    pid: int = struct.unpack("3i", control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return pid
