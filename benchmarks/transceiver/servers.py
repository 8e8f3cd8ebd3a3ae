"""Echo servers, each in a process of its own that tells what it has spent."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any

from rtcsplit.transceiver import packet_loop

from . import aiortc_servers, rtcsplit_servers, voice_servers
from .c_echo import serve_c_echo

__all__ = ["CONTENDERS", "Server"]

CONTENDERS: dict[str, Callable[[Connection], Awaitable[None]]] = {
    **aiortc_servers.CONTENDERS,
    **rtcsplit_servers.CONTENDERS,
    **voice_servers.CONTENDERS,
    "c-echo": serve_c_echo,
}

_IN_ASYNCIOS_LOOP = (*aiortc_servers.CONTENDERS, "rtcsplit-asyncio")


class Server:
    """A server process.

    Args:
        contender: a key of :data:`CONTENDERS`.
    """

    def __init__(self, contender: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(contender, theirs))
        self._process.start()
        theirs.close()

    def accept(self, offer: bytes) -> str:
        """Return the answer to an offer."""
        return str(self._ask(offer))

    def cpu_seconds(self) -> float:
        """Return what the process has spent so far, user and system time of all threads."""
        return float(self._ask("cpu"))

    def relay_seconds(self) -> float:
        """Return what the relay in front of it has spent so far; 0 where there is none."""
        return float(self._ask("relay"))

    def begin(self) -> None:
        """Say that all calls are connected."""
        self._ask("begin")

    def resident_octets(self) -> int:
        """Return the resident memory of the process."""
        with open(f"/proc/{self._process.pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def stop(self) -> None:
        """End the process."""
        self._connection.send("stop")
        self._process.join(10)
        self._process.kill()

    def _ask(self, question: bytes | str) -> Any:
        self._connection.send(question)
        answer = self._connection.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _run(contender: str, connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    run = asyncio.run if contender in _IN_ASYNCIOS_LOOP else packet_loop.run
    run(CONTENDERS[contender](connection))
