"""How a task is timed: the same inputs for all contenders, their results checked first, the cost told per packet."""

from __future__ import annotations

import platform
from collections import deque
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from . import native_loops

T = TypeVar("T")
R = TypeVar("R")

PEERS = ("aioice", "aiortc", "pylibsrtp", "cryptography")


class PerPacket:
    """Times a contender and records what a reader needs to get at its cost per packet."""

    def __init__(self, benchmark: BenchmarkFixture) -> None:
        self._benchmark = benchmark

    def each(self, contender: str, function: Callable[[T], R], packets: Sequence[T], expected: Sequence[R]) -> None:
        """Time one call of ``function`` per packet, after its results were found right."""
        assert [function(packet) for packet in packets] == list(expected)
        self.record(contender, len(packets))
        self._benchmark(lambda: deque(map(function, packets), maxlen=0))

    def fresh(
        self, contender: str, make: Callable[[], Callable[[T], R]], packets: Sequence[T], expected: Sequence[R]
    ) -> None:
        """As :meth:`each` for a function with state: ``make`` returns a new one for each round."""
        function = make()
        assert [function(packet) for packet in packets] == list(expected)
        self.record(contender, len(packets))
        self._benchmark.pedantic(
            lambda function: deque(map(function, packets), maxlen=0),
            setup=lambda: ((make(),), {}),
            rounds=100,
            warmup_rounds=3,
        )

    def in_c(self, name: str, packets: Sequence[bytes], argument: bytes | None = None) -> None:
        """Time a loop of ``native/loops.c``, which has to accept every packet."""
        loop = native_loops.loop(name, packets, argument)
        handled = len(packets) * native_loops.REPEATS
        assert loop() == handled
        self.record("rtcsplit, in C", handled)
        self._benchmark(loop)

    def record(self, contender: str, packets: int, **more: Any) -> None:
        """Note in the results who ran and how many packets a round has."""
        self._benchmark.extra_info.update(contender=contender, packets=packets, **more)


@pytest.fixture
def per_packet(benchmark: BenchmarkFixture) -> PerPacket:
    return PerPacket(benchmark)


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Keep what a figure depends on, and nothing that names the machine."""
    cpu = machine_info.get("cpu", {})
    machine_info.clear()
    machine_info.update(
        python=platform.python_version(),
        machine=platform.machine(),
        kernel=platform.release().split("-")[0],
        cpu={"count": cpu.get("count"), "brand_raw": cpu.get("brand_raw", platform.machine())},
        versions={name: version(name) for name in PEERS},
    )
