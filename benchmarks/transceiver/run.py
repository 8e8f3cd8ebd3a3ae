"""A contender under load: seconds of speech, and what the server spent on them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from .callers import Callers
from .load import Load, Totals
from .servers import Server

__all__ = ["Run", "Window", "busy_seconds"]

_SLICE = 0.02  # seconds between two looks at checks and their answers
_CHECKS = 16  # in each of them; what a pause has put off is spread over the warm-up
_WARM_UP = 0.5
_QUIET = 0.1  # of a core, for others


@dataclass(frozen=True)
class Window:
    """A second of speech, what the server spent on it, and what share of a core other processes had."""

    cpu_seconds: float
    relay_seconds: float
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
        self._callers = Callers(self._server.accept, count, meanwhile, has_nack=contender.endswith("-nack"))
        self._server.begin()
        self._load = Load(
            [(caller.sock, caller.srtp) for caller in self._callers.callers if caller.srtp is not None],
            has_extensions=contender.endswith("-extensions"),
        )

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
        before, cpu_before, relay_before = self._load.totals(), self._server.cpu_seconds(), self._server.relay_seconds()
        all_before, ours_before = busy_seconds(), time.process_time()
        self._speak(seconds)
        cpu = self._server.cpu_seconds() - cpu_before
        relay = self._server.relay_seconds() - relay_before
        others = busy_seconds() - all_before - cpu - relay - (time.process_time() - ours_before)
        self.windows.append(Window(cpu, relay, self._load.totals() - before, others / seconds))

    def is_measured(self, rounds: int) -> bool:
        """Whether there are so many undisturbed seconds."""
        return sum(window.others <= _QUIET for window in self.windows) >= rounds

    def choose(self, rounds: int) -> None:
        """Keep the seconds that were disturbed least."""
        self.windows = sorted(self.windows, key=lambda window: window.others)[:rounds]

    def tend(self) -> None:
        """Keep the calls alive while others have their turn."""
        self._follow(self._load.listen())

    @property
    def totals(self) -> Totals:
        """What happened in all seconds that are kept."""
        return sum((window.totals for window in self.windows[1:]), self.windows[0].totals)

    @property
    def share(self) -> float:
        """CPU time per second, of the median second."""
        return median(window.cpu_seconds for window in self.windows)

    @property
    def relay_us(self) -> float:
        """CPU time of the relay per echo, of the median second."""
        return median(window.relay_seconds * 1e6 / max(1, window.totals.received) for window in self.windows)

    @property
    def others(self) -> float:
        """Share of a core that other processes had, in the median second."""
        return median(window.others for window in self.windows)

    @property
    def cpu_us(self) -> float:
        """CPU time per echo, of the median second."""
        return median(window.cpu_us for window in self.windows)

    def _speak(self, seconds: float) -> None:
        for _ in range(round(seconds / _SLICE)):
            self._follow(self._load.run(_SLICE), _CHECKS)

    def _follow(self, control: Iterable[tuple[int, bytes]], most_checks: int | None = None) -> None:
        for index, datagram in control:
            self._callers.receive(index, datagram)
        self._callers.handle_timers(most_checks)


def busy_seconds() -> float:
    """Return what all processes of the machine have spent so far."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
