"""Datagrams reach Python, and echoes their clients, in a loop that is called and in one that waits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from rtcsplit._native.batch import BATCH
from rtcsplit.transceiver import packet_loop
from rtcsplit.transceiver.datagrams import DatagramBatch
from rtcsplit.transceiver.facts import Received, ReceivedDatagram
from rtcsplit.transceiver.reader import CalledReader, Reader, WaitingReader, new_reader
from rtcsplit.wire.address import Address, Path
from tests.echoing import EchoingSession

DTLS = b"\x16" + bytes(40)
MANY = 150  # more than two batches

Run = Callable[[Coroutine[Any, Any, None]], None]

both_loops = pytest.mark.parametrize(
    ("run", "kind"), [(asyncio.run, CalledReader), (packet_loop.run, WaitingReader)], ids=["asyncio", "packet loop"]
)


class Bench:
    """A socket that is read, a client, and what came of it."""

    def __init__(self, ours: socket.socket, client: socket.socket, gather: float = 0.0) -> None:
        self.client = client
        client.connect(ours.getsockname())
        self.session = EchoingSession(Path(Address.of(*client.getsockname())))
        self.batch = DatagramBatch(ours.fileno(), None, self.session.table, gather=gather)
        self.reader: Reader = new_reader(ours.fileno(), self.batch, self._take)
        self.taken: list[Received] = []
        self.may_take = 10 * MANY
        self._news = asyncio.Event()

    def _take(self, batch: list[Received]) -> None:
        self.taken += batch
        self._news.set()
        if len(self.taken) > self.may_take:
            raise RuntimeError("whoever takes a batch has failed")

    async def until_taken(self, count: int) -> None:
        while len(self.taken) < count:
            await asyncio.wait_for(self._news.wait(), 10)
            self._news.clear()

    async def echo(self) -> bytes:
        loop = asyncio.get_running_loop()
        return self.session.heard(await asyncio.wait_for(loop.sock_recv(self.client, 2048), 10))


@contextlib.contextmanager
def two_sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        for each in (ours, client):
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
        yield ours, client


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with two_sockets() as sockets:
        yield sockets


@both_loops
@pytest.mark.parametrize("gather", [0.0, 0.005], ids=["at once", "gathering"])
def test_echoes_go_back_and_the_rest_comes_to_python_in_order(run: Run, kind, sockets, gather) -> None:
    async def main() -> None:
        bench = Bench(*sockets, gather)
        assert type(bench.reader) is kind
        bench.reader.start()
        for number in range(1, MANY + 1):
            bench.client.send(bench.session.spoken(number))
            bench.client.send(DTLS + number.to_bytes(2, "big"))
            assert await bench.echo() == bench.session.payload(number)
        await bench.until_taken(MANY)
        bench.reader.stop()
        payloads = [each.payload for each in bench.taken if isinstance(each, ReceivedDatagram)]
        assert payloads == [DTLS + number.to_bytes(2, "big") for number in range(1, MANY + 1)]
        assert (bench.batch.received, bench.batch.sent) == (2 * MANY, MANY)

    run(main())


@both_loops
def test_what_fills_more_than_a_batch_is_taken_without_another_word_of_the_kernel(run: Run, kind, sockets) -> None:
    async def main() -> None:
        bench = Bench(*sockets)
        for _ in range(MANY):
            bench.client.send(DTLS)
        bench.reader.start()
        await bench.until_taken(MANY)
        bench.reader.stop()

    run(main())


@both_loops
@pytest.mark.parametrize("gather", [0.0, 0.005], ids=["at once", "gathering"])
def test_a_batch_whose_taker_fails_is_not_the_last_one(run: Run, kind, sockets, gather) -> None:
    """Full ones too, behind which the kernel is not asked."""

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        bench = Bench(*sockets, gather)
        bench.may_take = BATCH
        for _ in range(MANY):
            bench.client.send(DTLS)
        bench.reader.start()
        await bench.until_taken(MANY)
        bench.client.send(DTLS)
        await bench.until_taken(MANY + 1)
        bench.reader.stop()

    run(main())


@both_loops
def test_who_stopped_takes_nothing_and_may_stop_again(run: Run, kind, sockets) -> None:
    async def main() -> None:
        bench = Bench(*sockets)
        bench.reader.start()
        bench.reader.stop()
        bench.reader.stop()
        bench.client.send(DTLS)
        await asyncio.sleep(0.005)
        assert bench.taken == []

    run(main())


@both_loops
def test_echoes_leave_the_loop_to_everything_else(run: Run, kind, sockets) -> None:
    """Timers, other threads and other sockets have their turn while a call only echoes."""

    async def main() -> None:
        bench = Bench(*sockets)
        loop = asyncio.get_running_loop()
        bench.reader.start()
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            for number in range(1, 50):
                bench.client.send(bench.session.spoken(number))
                other.send(b"x")
                assert await loop.sock_recv(one, 10) == b"x"
                await asyncio.sleep(0.0001)
                assert await loop.run_in_executor(None, lambda: 1) == 1
                assert await bench.echo() == bench.session.payload(number)
        bench.reader.stop()
        assert bench.taken == []

    run(main())


def test_a_loop_waits_for_one_socket_and_is_called_for_others(sockets) -> None:
    async def main() -> None:
        bench = Bench(*sockets)
        bench.reader.start()
        with two_sockets() as others:
            second = Bench(*others)
            assert type(second.reader) is CalledReader
            second.reader.start()
            for each in (bench, second):
                each.client.send(DTLS)
                await each.until_taken(1)
            second.reader.stop()
        bench.reader.stop()
        assert type(Bench(*sockets).reader) is WaitingReader

    packet_loop.run(main())


def test_a_socket_that_is_gone_is_told_and_the_loop_goes_on(sockets) -> None:
    async def main() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        ours, client = sockets
        bench = Bench(ours, client)
        bench.reader.start()
        ours.close()
        await asyncio.sleep(0.001)
        assert [type(context["exception"]) for context in told] == [OSError]

    packet_loop.run(main())


def test_the_loop_returns_what_its_coroutine_does() -> None:
    async def main() -> int:
        assert isinstance(asyncio.get_running_loop(), packet_loop.PacketLoop)
        return 5

    assert packet_loop.run(main()) == 5
