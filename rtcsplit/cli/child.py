"""One forwarding process, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Sequence

from ..relay.holdings import Holdings
from .forwarding import MESSAGE_OCTETS, PREPARED, SERVING, STOP

__all__ = ["Child"]

_PREPARE_SECONDS = 60.0
_STOP_SECONDS = 10.0


class Child:
    """A process that was started; use :meth:`start`.

    Attributes:
        pid: its id.
        status: its exit status once it has ended, negative for a signal; None while it lives.
        region: descriptor of the memory of its flow tables, once it is prepared.
    """

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.pid = process.pid
        self.status: int | None = None
        self.region: int | None = None
        self._process, self._control = process, control
        loop = asyncio.get_running_loop()
        self._prepared: asyncio.Future[bool] = loop.create_future()
        self._serving: asyncio.Future[bool] = loop.create_future()
        control.setblocking(False)
        loop.add_reader(control, self._receive)
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, command: Sequence[str], holdings: Holdings, listener: socket.socket | None, on_end: Callable[[Child], None]
    ) -> Child:
        """Start ``command`` with the descriptors of what it needs; ``on_end`` is called when it has ended."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        passed = holdings.descriptors()
        arguments = ["--control", str(theirs.fileno()), "--holdings", ",".join(map(str, passed))]
        if listener is not None:
            arguments += ["--admin", str(listener.fileno())]
            passed.append(listener.fileno())
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                *arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *passed],
                start_new_session=True,  # what a terminal signals is for the supervisor
            )
        child = cls(process, ours)
        child._watching = asyncio.create_task(child._watch(on_end))
        return child

    async def until_prepared(self) -> bool:
        """Return whether it has everything it needs and waits for its turn; if not, it ended or takes too long."""
        done, _ = await asyncio.wait([self._prepared], timeout=_PREPARE_SECONDS)
        return bool(done) and self._prepared.result()

    async def until_serving(self) -> bool:
        """Return whether it is in charge; if not, it has ended."""
        return await self._serving

    def tell(self, message: bytes) -> None:
        """Send a message; nothing happens if it has ended."""
        with contextlib.suppress(OSError):
            self._control.send(message)

    async def stop(self) -> None:
        """Let it finish its batches and end; end it the hard way after ten seconds."""
        self.tell(STOP)
        await self._end_within(_STOP_SECONDS)

    async def kill(self) -> None:
        """End it as a crash does."""
        await self._end_within(0)

    def take_region(self) -> int | None:
        """Return the descriptor of its memory, which is the caller's from now on."""
        region, self.region = self.region, None
        return region

    async def _end_within(self, seconds: float) -> None:
        assert self._watching is not None
        await asyncio.wait([self._watching], timeout=seconds)
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.wait([self._watching])

    async def _watch(self, on_end: Callable[[Child], None]) -> None:
        self.status = await self._process.wait()
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        if (region := self.take_region()) is not None:
            os.close(region)
        for answer in (self._prepared, self._serving):
            if not answer.done():
                answer.set_result(False)
        on_end(self)

    def _receive(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_OCTETS, 1)
        except BlockingIOError:
            return
        except OSError:  # it died with a message of ours unread
            message, descriptors = b"", []
        if message == PREPARED and not self._prepared.done():
            self.region = descriptors.pop() if descriptors else None
            self._prepared.set_result(True)
        elif message == SERVING and not self._serving.done():
            self._serving.set_result(True)
        elif not message:
            asyncio.get_running_loop().remove_reader(self._control)
        for descriptor in descriptors:
            os.close(descriptor)
