"""Puts the same load on every contender, in turns, and prints what each has spent.

All servers and their calls are up from the beginning; each speaks for a second at a time, so that whatever else the
machine does falls on all alike. What other processes take of the CPU meanwhile is measured as well: seconds that they
disturb are repeated, up to a limit, and a row tells the median of its least disturbed ones.

Usage: python -m benchmarks.transceiver [--rounds 5] [CONTENDER=CALLS ...]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

from .callers import Callers
from .load import Load, Totals
from .servers import Server

_SLICE = 0.02  # seconds between two looks at checks and their answers
_WARM_UP = 0.5
_DEFAULT = ("aiortc=40", "rtcsplit=40", "rtcsplit=400")
_PACKETS_PER_SECOND = 50
_QUIET = 0.1  # of a core, for others
_MOST_TURNS = 4  # for each that is wanted
_HEAD = """\
| server | calls | us per echo | ms per call-second | calls per core | ratio | p50 ms | p99 ms | lost | late | others |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""


@dataclass(frozen=True)
class Window:
    """A second of speech, what the server spent on it, and what share of a core other processes had."""

    cpu_seconds: float
    totals: Totals
    others: float

    @property
    def cpu_us(self) -> float:
        """Per packet that was echoed; per packet at all where the server changes what it sends back."""
        return self.cpu_seconds * 1e6 / (self.totals.received or self.totals.sent)


class Run:
    """A server with its calls.

    Args:
        contender: which one.
        count: how many calls.
        meanwhile: called now and then during the set-up.
    """

    def __init__(self, contender: str, count: int, meanwhile: Callable[[], None]) -> None:
        self.contender, self.count = contender, count
        self.windows: list[Window] = []
        self._server = Server(contender)
        self._callers = Callers(self._server.accept, count, meanwhile)
        self._load = Load([(caller.sock, caller.srtp) for caller in self._callers.callers if caller.srtp is not None])

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._load.close()
        self._callers.close()

    def take_turn(self, seconds: float) -> None:
        """Speak, and keep what it cost."""
        self._load.resume()
        self._speak(_WARM_UP)
        before, cpu_before = self._load.totals(), self._server.cpu_seconds()
        all_before, ours_before = busy_seconds(), time.process_time()
        self._speak(seconds)
        cpu = self._server.cpu_seconds() - cpu_before
        others = busy_seconds() - all_before - cpu - (time.process_time() - ours_before)
        self.windows.append(Window(cpu, self._load.totals() - before, others / seconds))

    def is_measured(self, rounds: int) -> bool:
        """Whether there are so many undisturbed seconds."""
        return sum(window.others <= _QUIET for window in self.windows) >= rounds

    def choose(self, rounds: int) -> None:
        """Keep the seconds that were disturbed least."""
        self.windows = sorted(self.windows, key=lambda window: window.others)[:rounds]

    def tend(self) -> None:
        """Keep the calls alive while others have their turn."""
        self._follow(self._load.listen())

    def row(self, first: Run) -> str:
        """Return the line of the table."""
        cpu_us = self.cpu_us
        totals = sum((window.totals for window in self.windows[1:]), self.windows[0].totals)
        cells = [
            self.contender,
            f"{self.count}",
            f"{cpu_us:.1f}",
            f"{cpu_us * _PACKETS_PER_SECOND / 1e3:.2f}",
            f"{1e6 / (cpu_us * _PACKETS_PER_SECOND):.0f}",
            f"{first.cpu_us / cpu_us:.1f}",
        ]
        if totals.received:
            latencies = [f"{totals.latency_ms(share):.2f}" for share in (0.5, 0.99)]
            cells += [*latencies, f"{totals.sent - totals.received}", f"{totals.late}"]
        else:
            cells += [""] * 4
        cells.append(f"{median(window.others for window in self.windows):.0%}")
        return f"| {' | '.join(cells)} |"

    @property
    def cpu_us(self) -> float:
        """CPU time per echo, of the median second."""
        return median(window.cpu_us for window in self.windows)

    def _speak(self, seconds: float) -> None:
        for _ in range(round(seconds / _SLICE)):
            self._follow(self._load.run(_SLICE))

    def _follow(self, control: Iterable[tuple[int, bytes]]) -> None:
        for index, datagram in control:
            self._callers.receive(index, datagram)
        self._callers.handle_timers()


def busy_seconds() -> float:
    """Return what all processes of the machine have spent so far."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("runs", nargs="*", default=_DEFAULT, help="such as rtcsplit=400")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with ExitStack() as stack:
        runs: list[Run] = []

        def tend_all() -> None:
            for run in runs:
                run.tend()

        for wanted in options.runs:
            contender, _, calls = wanted.partition("=")
            runs.append(stack.enter_context(Run(contender, int(calls), tend_all)))
        for _ in range(options.rounds * _MOST_TURNS):
            for run in (run for run in runs if not run.is_measured(options.rounds)):
                run.take_turn(1.0)
                tend_all()
        for run in runs:
            run.choose(options.rounds)
        versions = ", ".join(f"{name} {version(name)}" for name in ("aiortc", "pylibsrtp", "cryptography"))
        print(f"Python {platform.python_version()}, {versions}; AES-128-GCM, 160-octet payloads, 50/s each way\n")
        print("\n".join([_HEAD, *(run.row(runs[0]) for run in runs)]))


if __name__ == "__main__":
    main()
