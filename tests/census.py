"""A server process that counts itself: a transceiver with WHIP on loopback, and what it holds at any moment.

Its memory is read from outside, because counting takes memory too.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import threading
from collections import Counter
from multiprocessing.connection import Connection
from typing import NamedTuple

from rtcsplit.cli.web import serving
from rtcsplit.gateway.echo import Echo
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver import packet_loop
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

__all__ = ["Census", "CountedServer", "Memory"]

_LOOPBACK = Address.of("127.0.0.1", 0)


class Census(NamedTuple):
    """What a process holds.

    Attributes:
        calls: living calls, half open ones included.
        descriptors: open files and sockets.
        tasks: of the event loop.
        threads: of Python.
        ours: objects of rtcsplit's classes that the garbage collector knows, by class.
        objects: all objects that it knows.
        garbage: how many it collected just now; 0 where it did not.
    """

    calls: int
    descriptors: int
    tasks: int
    threads: int
    ours: Counter[str]
    objects: int
    garbage: int


class Memory(NamedTuple):
    """Octets that are in memory of a process (proc_pid_status(5)).

    Attributes:
        resident: all of them, pages of files that it has looked at included.
        anonymous: what it has written: heaps and stacks.
    """

    resident: int
    anonymous: int


class CountedServer:
    """The process; use it as a context manager.

    Attributes:
        whip_url: where it takes calls.
        media_port: of its UDP socket.
    """

    def __enter__(self) -> CountedServer:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.whip_url, self.media_port = self._connection.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()

    def memory(self) -> Memory:
        """Return how much of it is in memory now."""
        with open(f"/proc/{self._process.pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return Memory(*(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon")))

    def census(self, *, collects: bool = True) -> Census:
        """Return what it holds now; ``collects`` after a garbage collection."""
        self._connection.send(collects)
        answer: Census = self._connection.recv()
        return answer


def _run(connection: Connection) -> None:
    packet_loop.run(_serve(connection))


async def _serve(connection: Connection) -> None:
    settings = TransceiverSettings(listen=_LOOPBACK, max_half_open_sessions=10_000)
    async with Transceiver(settings, application=Echo()) as transceiver:
        whip = whip_application(transceiver, WhipSettings(allow_anonymous=True))
        async with serving("signaling.listen", _LOOPBACK, whip) as address:
            connection.send((f"http://{address}/whip", transceiver.address.port))
            readable = asyncio.Event()
            asyncio.get_running_loop().add_reader(connection.fileno(), readable.set)
            while True:
                await readable.wait()
                readable.clear()
                while connection.poll():
                    connection.send(_count(transceiver, collects=connection.recv()))


def _count(transceiver: Transceiver, *, collects: bool) -> Census:
    garbage = gc.collect() if collects else 0
    known = gc.get_objects()
    ours = Counter(type(each).__qualname__ for each in known if type(each).__module__.startswith("rtcsplit."))
    return Census(
        calls=len(transceiver.calls()),
        descriptors=len(os.listdir("/proc/self/fd")),
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        ours=ours,
        objects=len(known),
        garbage=garbage,
    )
