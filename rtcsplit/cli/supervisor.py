"""The process that ``rtcsplit relay`` is: it holds sockets and memory, and keeps processes that forward with them.

It reads no datagram and runs no code of the packet path, so nothing that comes from outside can end it. The process
in charge forwards; a second one stands by, prepared, and takes over by itself in the moment the first one ends, since
it waits at the first one's seats (``csrc/seats.h``). The supervisor only fills the vacancy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace

import click

from ..errors import ConfigurationError
from ..relay.holdings import Holdings
from ..relay.settings import RelaySettings
from ..relay.sockets import address_of
from ..wire.address import Address
from .config import AdminSection, RelayConfig
from .forwarder_child import ForwarderChild
from .forwarding import NOT_READY, READY, RELOAD, SERVE
from .listener import listen
from .loading import Source
from .process import Process

__all__ = ["Supervisor", "backoff", "serve_until_stopped"]

log = logging.getLogger(__name__)

_CRASHES, _CRASHES_WITHIN = 3, 10.0
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 5.0


def backoff(ends: list[float], now: float) -> float:
    """Return how long to wait before the next start, after processes ended at these times.

    Nothing, until the third end within ten seconds; from then on half a second, doubled for each further one.
    """
    recent = sum(now - end < _CRASHES_WITHIN for end in ends)
    return 0.0 if recent < _CRASHES else min(_FIRST_DELAY * 2 ** (recent - _CRASHES), _LONGEST_DELAY)


class Supervisor:
    """Keeps a process in charge and one standing by; use :meth:`started`.

    Attributes:
        holdings: what outlives the processes.
        admin: address of the admin port, which the process in charge serves.
    """

    def __init__(
        self,
        source: Source,
        settings: RelaySettings,
        holdings: Holdings,
        listener: socket.socket | None,
        *,
        has_standby: bool,
    ) -> None:
        self.holdings = holdings
        self.admin: Address | None = None if listener is None else address_of(listener)
        self._source, self._settings, self._listener, self._has_standby = source, settings, listener, has_standby
        self._in_charge: ForwarderChild | None = None
        self._standby: ForwarderChild | None = None
        self._children: set[ForwarderChild] = set()
        self._ends: deque[float] = deque(maxlen=8)
        self._is_ready = True
        self._vacancy = asyncio.Event()
        self._starting = asyncio.Lock()  # at most one process at a time is on its way to a seat

    @classmethod
    @contextlib.asynccontextmanager
    async def started(
        cls, source: Source, settings: RelaySettings, admin: AdminSection | None, *, has_standby: bool
    ) -> AsyncIterator[Supervisor]:
        """Bind everything and start a process, until the block ends.

        Raises:
            ConfigurationError: an address cannot be bound; nothing was started.
            click.exceptions.Exit: the process refused to start, and has said why.
        """
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # whoever is too early does no harm
        with contextlib.ExitStack() as stack:
            holdings = Holdings.open(settings)
            listener = None if admin is None else stack.enter_context(listen("admin.listen", admin.listen))
            supervisor = cls(source, settings, holdings, listener, has_standby=has_standby)
            stack.callback(lambda: supervisor.holdings.close())
            filling = asyncio.create_task(supervisor._keep_filled())
            try:
                await supervisor._start_first()
                yield supervisor
            finally:
                filling.cancel()
                await supervisor._stop()

    def tell_all(self, message: bytes) -> None:
        """Send a message to every process."""
        for child in self._children:
            child.tell(message)

    def set_ready(self, is_ready: bool) -> None:
        """Say what ``/readyz`` answers from now on, whichever process does."""
        self._is_ready = is_ready
        if self._in_charge is not None:
            self._in_charge.tell(READY if is_ready else NOT_READY)

    async def upgrade(self) -> None:
        """Replace the process in charge by a new one, which is of the version that is installed now.

        The old one goes on until the new one is prepared, and leaves its seats one by one, each after its batch. If
        there is no new one, nothing changes. The number of workers is what the configuration says now: more of them
        hear nobody until the new process is in charge, fewer still send and drain what is theirs.
        """
        async with self._starting:
            try:
                workers = self._source.read(RelayConfig).relay.workers
                self.holdings = self.holdings.with_room_for(replace(self._settings, workers=workers))
            except ConfigurationError as error:
                log.error("upgrade_failed", extra={"key": error.key, "value": error.value, "expected": error.expected})
                return
            if self._standby is not None:
                standby, self._standby = self._standby, None
                await standby.kill()
            new, old = await self._start("--standby"), self._in_charge
            if not await new.until_prepared():
                log.error("upgrade_failed", extra={"pid": new.pid, "status": new.status})
                await new.kill()
            else:
                self._in_charge = new
                if old is not None:
                    await old.stop()
                if self._in_charge is new:
                    self._put_in_charge(new)
                in_use = workers if self.holdings.steer(workers) else self.holdings.workers
                log.info("upgraded", extra={"pid": new.pid, "workers": in_use})
        self._vacancy.set()

    async def _start(self, *flags: str) -> ForwarderChild:
        command = [sys.executable, "-m", "rtcsplit.cli.forwarder", "--config", str(self._source.path)]
        command += [argument for flag in self._source.flags for argument in ("--set", flag)]
        command += ["--confirmed-flows", str(self._settings.confirmed_flows)]
        command += [flag for kind in self.holdings.kinds for flag in ("--serves", "relays" if kind else "clients")]
        passed = self.holdings.descriptors()
        command += ["--holdings", ",".join(map(str, passed))]
        if self._listener is not None:
            command += ["--admin", str(self._listener.fileno())]
            passed.append(self._listener.fileno())
        if self._in_charge is not None:
            command.append("--at-leisure")
        child = await ForwarderChild.start([*command, *flags], passed, self._ended)
        self._children.add(child)
        return child

    async def _start_first(self) -> None:
        child = await self._start()
        if await child.until_prepared():
            self._put_in_charge(child)
        if not await child.until_serving():
            raise click.exceptions.Exit(child.status or 1)
        self._vacancy.set()

    def _put_in_charge(self, child: ForwarderChild) -> None:
        self._in_charge = child
        if (region := child.take_region()) is not None:
            self.holdings = self.holdings.with_region(region)
        child.tell(SERVE)
        if not self._is_ready:
            child.tell(NOT_READY)

    def _ended(self, child: ForwarderChild) -> None:
        self._children.discard(child)
        if child is self._in_charge:
            self._in_charge = None
        elif child is self._standby:
            self._standby = None
        else:
            return  # it was told to, or has never been of use
        log.error("forwarder_ended", extra={"pid": child.pid, "status": child.status})
        self._ends.append(time.monotonic())
        if self._in_charge is None and self._standby is not None:
            standby, self._standby = self._standby, None
            self._put_in_charge(standby)
        self._vacancy.set()

    async def _keep_filled(self) -> None:
        while True:
            await self._vacancy.wait()
            self._vacancy.clear()
            while self._in_charge is None or (self._has_standby and self._standby is None):
                await asyncio.sleep(backoff(list(self._ends), time.monotonic()))
                async with self._starting:
                    await self._fill()

    async def _fill(self) -> None:
        try:
            child = await self._start("--standby")
        except OSError as error:  # no memory, no process: there may be some later
            log.error("forwarder_refused", extra={"reason": str(error)})
            self._ends.append(time.monotonic())
            return
        if not await child.until_prepared():
            self._ends.append(time.monotonic())
            await child.kill()
        elif self._in_charge is None:
            self._put_in_charge(child)
        else:
            self._standby = child

    async def _stop(self) -> None:
        in_charge, self._in_charge, self._standby = self._in_charge, None, None
        if in_charge is not None:
            await in_charge.stop()
        await asyncio.gather(*(child.kill() for child in self._children))


async def serve_until_stopped(process: Process, supervisor: Supervisor, ready_line: str, drain_seconds: int) -> None:
    """Say that the relay is ready, and obey the operator's signals until one of them means the end."""
    loop = asyncio.get_running_loop()
    is_undone = asyncio.Event()
    upgrades: set[asyncio.Task[None]] = set()

    def upgrade() -> None:
        if not upgrades:
            task = asyncio.create_task(supervisor.upgrade())
            upgrades.add(task)
            task.add_done_callback(upgrades.discard)

    loop.add_signal_handler(signal.SIGHUP, supervisor.tell_all, RELOAD)
    process.on_undo(is_undone.set)
    loop.add_signal_handler(signal.SIGUSR2, upgrade)
    process.ready(ready_line)
    while True:
        number = await process.until_stopped()
        supervisor.set_ready(False)
        if number is not signal.SIGTERM or not await _is_undone(is_undone, drain_seconds):
            break
        process.resume()
        supervisor.set_ready(True)
    for task in upgrades:
        task.cancel()


async def _is_undone(undone: asyncio.Event, seconds: int) -> bool:
    """Forward on without being ready, until somebody takes it back or the time is over."""
    if not seconds:
        return False
    undone.clear()
    log.info("drain_started", extra={"seconds": seconds})
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(undone.wait(), seconds)
    log.info("drain_ended", extra={"outcome": "undone" if undone.is_set() else "deadline"})
    return undone.is_set()
