"""Times the contenders of one task in turns, a round of each after the other.

On a shared machine a minute can be twice as slow as the next. Whoever is timed then loses, unless all run through the
same minutes: so the rounds are interleaved, and what counts is the median of the rounds' ratios. pytest-benchmark gets
the rounds to keep and to show afterwards.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from . import native_loops

T = TypeVar("T")
R = TypeVar("R")

OURS = "rtcsplit"
ROUNDS = 60
WARMUP_ROUNDS = 2


class Contender(Protocol):
    """Whoever does the task."""

    @property
    def packets(self) -> int:
        """How many are handled in a round."""

    def check(self) -> None:
        """Fail unless the contender computes what it should."""

    def measure(self) -> float:
        """Return the seconds that one round took."""


@dataclass(frozen=True)
class Timed:
    """A contender that is called, by the time that passes.

    Attributes:
        packets: handled in a round.
        check: fails unless the results are right.
        prepare: returns the round, ready to be called; its own time does not count.
    """

    packets: int
    check: Callable[[], None]
    prepare: Callable[[], Callable[[], object]]

    def measure(self) -> float:
        run = self.prepare()
        start = time.perf_counter()
        run()
        return time.perf_counter() - start


def fresh(make: Callable[[], Callable[[T], R]], packets: Sequence[T], expected: Sequence[R]) -> Timed:
    """Return the contender that calls a function once per packet, in each round a new one that ``make`` returns."""

    def check() -> None:
        function = make()
        assert [function(packet) for packet in packets] == list(expected)

    def prepare() -> Callable[[], object]:
        results = map(make(), packets)
        return lambda: deque(results, maxlen=0)

    return Timed(len(packets), check, prepare)


def each(function: Callable[[T], R], packets: Sequence[T], expected: Sequence[R]) -> Timed:
    """As :func:`fresh`, for a function without state."""
    return fresh(lambda: function, packets, expected)


def in_c(name: str, packets: Sequence[bytes], argument: bytes | None = None) -> Timed:
    """Return the contender that is a loop of ``native/loops.c``, which has to accept every packet."""
    handled = len(packets) * native_loops.REPEATS

    def prepare() -> Callable[[], int]:
        return native_loops.loop(name, packets, argument)

    def check() -> None:
        assert prepare()() == handled

    return Timed(handled, check, prepare)


class _Replay:
    """The timer that shows pytest-benchmark rounds of the past: each call of :meth:`advance` lets one of them pass."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


_REPLAY = _Replay()


def task(name: str) -> pytest.MarkDecorator:
    """Mark a test as the benchmark of a task."""
    return pytest.mark.benchmark(group=name, timer=_REPLAY)


class Race:
    """Runs a task's contenders when the first of its tests asks, and gives each test the rounds of its contender."""

    def __init__(
        self, benchmark: BenchmarkFixture, rounds_of: dict[str, Mapping[str, list[float]]], quick: bool
    ) -> None:
        self._benchmark = benchmark
        self._rounds_of = rounds_of
        self._is_quick = quick

    def __call__(self, contenders: Mapping[str, Contender], name: str, *, rounds: int = ROUNDS) -> None:
        group = str(self._benchmark.group)
        if group not in self._rounds_of:
            self._rounds_of[group] = interleaved(contenders, 1 if self._is_quick else rounds)
        taken, ours = self._rounds_of[group][name], self._rounds_of[group][OURS]
        per_round = contenders[name].packets / contenders[OURS].packets
        ratio = statistics.median(theirs / our for theirs, our in zip(taken, ours, strict=True)) / per_round
        self._benchmark.extra_info.update(contender=name, packets=contenders[name].packets, ratio=ratio)
        passing = iter(taken)
        self._benchmark.pedantic(_REPLAY.advance, setup=lambda: ((next(passing),), {}), rounds=len(taken))


def interleaved(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each contender's rounds, after all were found right."""
    for contender in contenders.values():
        contender.check()
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for round_number in range(-WARMUP_ROUNDS, rounds):
        for name, contender in contenders.items():
            seconds = contender.measure()
            if round_number >= 0:
                taken[name].append(seconds)
    return taken
