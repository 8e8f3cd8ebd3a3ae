"""64 datagrams that wait in a UDP socket, to (payload, sender, kind): what a transceiver does on each wake-up.

The system calls are part of it. rtcsplit crosses into C once for all 64; the others once per datagram, as asyncio's
datagram transport does, whose selector and callbacks are left out in their favour. The sender is a client that has a
session; of a stranger nothing is remembered.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from rtcsplit._native.session_table import NativeSessionTable
from rtcsplit.transceiver.datagrams import DatagramBatch
from rtcsplit.wire.address import Address
from tests import twins

from . import packets
from .bench_classify import aioice_aiortc
from .race import Race, task

WAITING = packets.CALL[:64]
ASYNCIO_READ_SIZE = 256 * 1024  # asyncio.selector_events' max_size

Received = list[Any]
Contender = Callable[[socket.socket, socket.socket], Callable[[], Received]]


def rtcsplit(sock: socket.socket, client: socket.socket) -> Callable[[], Received]:
    table = NativeSessionTable()
    table.put(*Address.of(*client.getsockname()), 1, None)
    return DatagramBatch(sock.fileno(), table=table).receive


def of_strangers(sock: socket.socket, client: socket.socket) -> Callable[[], Received]:
    return DatagramBatch(sock.fileno()).receive


def one_by_one(kind_of: Callable[[bytes], Any]) -> Contender:
    def receive(sock: socket.socket) -> Received:
        received = []
        try:
            while True:
                data, sender = sock.recvfrom(ASYNCIO_READ_SIZE)
                received.append((data, sender, kind_of(data)))
        except BlockingIOError:
            return received

    return lambda sock, client: lambda: receive(sock)


@dataclass(frozen=True)
class Receiver:
    """A contender with a socket, filled before each round."""

    server: socket.socket
    client: socket.socket
    receive: Callable[[], Received]
    packets: int = len(WAITING)

    def fill(self) -> None:
        for datagram in WAITING:
            self.client.send(datagram)

    def check(self) -> None:
        self.fill()
        received = [(item[0], getattr(item[-1], "name", item[-1]).lower()) for item in self.receive()]
        assert received == [(datagram, twins.classify(datagram)) for datagram in WAITING]

    def measure(self) -> float:
        self.fill()
        start = time.perf_counter()
        self.receive()
        return time.perf_counter() - start


CONTENDERS: dict[str, Contender] = {
    "rtcsplit": rtcsplit,
    "rtcsplit, strangers": of_strangers,
    "aioice and aiortc": one_by_one(lambda data: aioice_aiortc(data)[0]),
    "pure Python": one_by_one(twins.classify),
}


@pytest.fixture(scope="module")
def receivers() -> Iterator[dict[str, Receiver]]:
    with ExitStack() as sockets:
        made = {}
        for name, contender in CONTENDERS.items():
            server, client = (sockets.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(2))
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            client.connect(server.getsockname())
            made[name] = Receiver(server, client, contender(server, client))
        yield made


@task("receive, 64 datagrams waiting")
@pytest.mark.parametrize("contender", CONTENDERS)
def test_receive(race: Race, receivers: dict[str, Receiver], contender: str) -> None:
    race(receivers, contender, rounds=500)
