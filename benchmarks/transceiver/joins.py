"""What calls that are being set up do to calls that run, and what each set-up costs the server.

A server process has echo calls of a lean load generator, and another process joins and leaves beside them, at a steady
pace or all at once each second. Seconds with and without joins take turns, so that what else the machine does falls on
both alike, and only the least disturbed third of these pairs counts; the CPU of a join is what the server spends in the
one beyond the other.

Usage: python -m benchmarks.transceiver.joins [--calls 500] [--joins 100] [--seconds 10] [--at-once 1] [--precedence]
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import multiprocessing
import resource
import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median, quantiles
from typing import Any

from rtcsplit.gateway.echo import Echo
from rtcsplit.transceiver import packet_loop
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from .callers import Caller, Callers, drain, new_caller
from .load import Load, Totals
from .precedence import give_way, take_precedence
from .run import busy_seconds
from .serving import serve

_SLICE = 0.02
_PAUSE = 1.0  # between turns, in which what one of them left is worked off
_HEAD = """\
| calls | joins/s | at once | p50 ms | p99 ms | p99 ms with joins | lost | CPU ms per join | join ms | failed | others |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""
_GIVEN_UP = 5.0  # seconds after which a join that has no keys has failed


@dataclass
class Turn:
    """A second of speech, what the server spent on it, what others did, and how long the joins of it took."""

    cpu_seconds: float
    others: float
    totals: Totals
    joins: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--joins", type=int, default=100, help="a second")
    parser.add_argument("--at-once", type=int, default=1, help="how many of them begin in the same moment")
    parser.add_argument("--seconds", type=int, default=10, help="with joins, and as many without")
    parser.add_argument("--precedence", action="store_true", help="over the rest of the machine; see precedence.py")
    options = parser.parse_args()
    if options.precedence:
        take_precedence()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with _processes() as (server, joiner):
        pairs = _measure(server, joiner, options)
    quiet, busy = zip(
        *sorted(pairs, key=lambda pair: pair[0].others + pair[1].others)[: -(-len(pairs) // 3)], strict=True
    )
    joins = [join for turn in busy for join in turn.joins]
    pairs = list(zip(quiet, busy, strict=True))
    spent = median((b.cpu_seconds - q.cpu_seconds) / options.joins for q, b in pairs) * 1e3
    print(_HEAD)
    without, beside = _sum(quiet), _sum(busy)
    done = [join for join in joins if join < _GIVEN_UP]
    cells = [
        f"{options.calls}",
        f"{options.joins}",
        f"{options.at_once}",
        f"{without.latency_ms(0.5):.2f}",
        f"{without.latency_ms(0.99):.2f}",
        f"{beside.latency_ms(0.99):.2f}",
        f"{beside.skipped}",
        f"{spent:.2f}",
        f"{median(done) * 1e3:.1f} (p99 {quantiles(done, n=100)[98] * 1e3:.1f})",
        f"{len(joins) - len(done)}",
        f"{median(turn.others for turn in (*quiet, *busy)):.0%}",
    ]
    print(f"| {' | '.join(cells)} |")


def _measure(server: Connection, joiner: Connection, options: argparse.Namespace) -> list[tuple[Turn, Turn]]:
    def ask(question: object) -> Any:
        server.send(question)
        answer = server.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    callers = Callers(lambda offer: str(ask(offer)), options.calls, lambda: None)
    load = Load([(caller.sock, caller.srtp) for caller in callers.callers if caller.srtp is not None])

    def speak(seconds: float) -> None:
        for _ in range(round(seconds / _SLICE)):
            for index, datagram in load.run(_SLICE):
                callers.receive(index, datagram)
            callers.handle_timers()

    def turn(joins: int) -> Turn:
        speak(_PAUSE)
        before, cpu, all_before, ours = load.totals(), float(ask("cpu")), busy_seconds(), time.process_time()
        if joins:
            joiner.send((joins, options.at_once))
        speak(1.0)
        totals, cpu = load.totals() - before, float(ask("cpu")) - cpu
        took, joiners = joiner.recv() if joins else ([], 0.0)
        others = busy_seconds() - all_before - cpu - joiners - (time.process_time() - ours)
        return Turn(cpu, others, totals, took)

    load.resume()
    turns = [(turn(0), turn(options.joins)) for _ in range(options.seconds)]
    load.close()
    callers.close()
    return turns


def _sum(turns: Sequence[Turn]) -> Totals:
    return sum((turn.totals for turn in turns[1:]), turns[0].totals)


@contextmanager
def _processes() -> Iterator[tuple[Connection, Connection]]:
    """A server that can be asked, and who joins there when told to."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    offers, answers = context.Pipe()
    commands, obeyed = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, answers), daemon=True)
    joiner = context.Process(target=_join, args=(obeyed, offers), daemon=True)
    server.start()
    joiner.start()
    try:
        yield ours, commands
    finally:
        joiner.kill()
        server.kill()


def _serve(*connections: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

    async def main() -> None:
        settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
        async with Transceiver(settings, application=Echo()) as transceiver:

            async def accept(offer: bytes) -> str:
                return (await transceiver.accept(offer)).answer

            await asyncio.gather(*(serve(connection, accept) for connection in connections))

    packet_loop.run(main())


def _join(commands: Connection, server: Connection) -> None:
    give_way()

    def accept(offer: bytes) -> str:
        server.send(offer)
        answer = server.recv()
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    while True:
        joins, at_once = commands.recv()
        commands.send(_join_for_a_second(accept, joins, at_once))


def _join_for_a_second(accept: Callable[[bytes], str], joins: int, at_once: int) -> tuple[list[float], float]:
    """Begin that many joins within a second, and hang up; return how long each took and our CPU time."""
    start, cpu = time.monotonic(), time.process_time()
    due = [start + (index - index % at_once) / joins for index in range(joins)]
    heapq.heapify(due)
    poll = select.poll()
    joining: dict[int, tuple[Caller, float]] = {}
    took: list[float] = []
    while due or joining:
        now = time.monotonic()
        while due and due[0] <= now:
            heapq.heappop(due)
            caller = new_caller(accept, len(due))
            joining[caller.sock.fileno()] = (caller, time.monotonic())
            poll.register(caller.sock.fileno(), select.POLLIN)
        for fd, (caller, began) in list(joining.items()):
            now = time.monotonic()
            caller.pump(now)
            if caller.srtp is not None or now - began > _GIVEN_UP:
                took.append(now - began)
                caller.close(now)
                caller.pump(now)
                poll.unregister(fd)
                caller.sock.close()
                del joining[fd]
        for fd, _ in poll.poll(max(0.0, (due[0] - time.monotonic()) * 1e3) if due else 5):
            drain(joining[fd][0])
    return took, time.process_time() - cpu


if __name__ == "__main__":
    main()
