"""The server's end of :class:`.servers.Server`: answers to offers, and to what the process has spent."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from rtcsplit.transceiver.garbage import collect_rarely

__all__ = ["Accept", "process_seconds", "serve"]

Accept = Callable[[bytes], Awaitable[str]]


def process_seconds(pid: int) -> float:
    """Return the CPU time of a process of this machine, user and system, of all its threads (clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


async def serve(
    connection: Connection,
    accept: Accept,
    *,
    begin: Callable[[], Awaitable[None]] | None = None,
    relay_pid: int | None = None,
) -> None:
    """Answer questions until one says stop.

    Args:
        connection: where they come from.
        accept: answers an offer.
        begin: called when all calls are connected.
        relay_pid: of the relay in front of this server, None for none.
    """
    collect_rarely()  # as ``rtcsplit transceiver`` does
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection.fileno(), readable.set)
    while True:
        await readable.wait()
        readable.clear()
        while connection.poll():
            question = connection.recv()
            if question == "stop":
                os._exit(0)  # no farewells: the callers hang up without a word as well
            if question == "begin" and begin is not None:
                await begin()
            connection.send(await _answer(question, accept, relay_pid))


async def _answer(question: bytes | str, accept: Accept, relay_pid: int | None) -> object:
    if question == "begin":
        return None
    if question == "cpu":
        return time.process_time()
    if question == "relay":
        return 0.0 if relay_pid is None else process_seconds(relay_pid)
    assert isinstance(question, bytes)
    try:
        return await accept(question)
    except Exception as error:
        return RuntimeError(f"{type(error).__name__}: {error}")
