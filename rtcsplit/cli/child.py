"""A process of our own, as the one that started it sees it: a socket of packets to talk by, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["MESSAGE_OCTETS", "STOP", "Child"]

STOP = b"stop"
MESSAGE_OCTETS = 1 << 20

_STOP_SECONDS = 10.0

C = TypeVar("C", bound="Child")


class Child:
    """A process that was started; use :meth:`start`.

    Attributes:
        pid: its id.
        status: its exit status once it has ended, negative for a signal; None while it lives.
    """

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.pid = process.pid
        self.status: int | None = None
        self._process, self._control = process, control
        control.setblocking(False)
        asyncio.get_running_loop().add_reader(control, self._receive)
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls: type[C], command: Sequence[str], descriptors: Sequence[int], on_end: Callable[[C], None]) -> C:
        """Start ``command``; it gets ``--control DESCRIPTOR`` besides, and ``on_end`` is called when it has ended.

        Args:
            command: the program and its arguments.
            descriptors: what it inherits, under the same numbers.
            on_end: called in the event loop.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MESSAGE_OCTETS)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                "--control",
                str(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *descriptors],
                start_new_session=True,  # what a terminal signals is for the process that started it
            )
        child = cls(process, ours)
        child._watching = asyncio.create_task(child._watch(on_end))
        return child

    def tell(self, message: bytes, descriptors: Sequence[int] = ()) -> bool:
        """Send a message with copies of descriptors; False if it has ended, or does not take any more."""
        try:
            socket.send_fds(self._control, [message], list(descriptors))
        except OSError:
            return False
        return True

    async def stop(self) -> None:
        """Let it finish and end; end it the hard way after ten seconds."""
        self.tell(STOP)
        await self._end_within(_STOP_SECONDS)

    async def kill(self) -> None:
        """End it as a crash does."""
        await self._end_within(0)

    async def until_ended(self) -> None:
        """Return when it has ended."""
        assert self._watching is not None
        await asyncio.wait([self._watching])

    def received(self, message: bytes, descriptors: list[int]) -> None:
        """Take a message of the process; what is left in ``descriptors`` is closed then."""

    def ended(self) -> None:
        """The process has ended."""

    async def _end_within(self, seconds: float) -> None:
        assert self._watching is not None
        await asyncio.wait([self._watching], timeout=seconds)
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.wait([self._watching])

    async def _watch(self: C, on_end: Callable[[C], None]) -> None:
        self.status = await self._process.wait()
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self.ended()
        on_end(self)

    def _receive(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_OCTETS, 1)
        except BlockingIOError:
            return
        except OSError:  # it died with a message of ours unread
            message, descriptors = b"", []
        if message:
            self.received(message, descriptors)
        else:
            asyncio.get_running_loop().remove_reader(self._control)
        for descriptor in descriptors:
            os.close(descriptor)
