"""Runs relays in processes of their own, drives each with ``relay/load.c`` and reads the CPU time that it took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import packets

BUILD = Path(__file__).parents[1] / "build" / "bench"
FLOWS = 256

# The relay has a CPU to itself, as far as the machine goes: whether the kernel wakes it on the load's CPU or on another
# one makes a factor of three at low rates.
_cpus = sorted(os.sched_getaffinity(0))
RELAY_CPU, LOAD_CPU = _cpus[0], _cpus[-1]

CONTENDERS: dict[str, Sequence[str]] = {
    "rtcsplit": (sys.executable, "-m", "benchmarks.rtcsplit_relay"),
    "asyncio": (sys.executable, "-m", "benchmarks.asyncio_relay"),
    "bare forwarder in C": (str(BUILD / "forwarder"),),
}


@dataclass(frozen=True)
class Load:
    """What the clients send in one round: bursts, so many at a time and in a row per client."""

    name: str
    bursts: int
    size: int
    together: int

    @property
    def forwarded(self) -> int:
        """Datagrams through the relay, each going up and coming back."""
        return 2 * self.bursts * self.size


LOADS = (
    Load("one datagram at a time", bursts=1000, size=1, together=1),
    Load("bursts of 8", bursts=250, size=8, together=1),
    Load("bursts of 64", bursts=100, size=64, together=8),
)


class DrivenRelay:
    """A relay process with flows, and the load's process that made them."""

    def __init__(self, relay: subprocess.Popen[str], load: subprocess.Popen[str]) -> None:
        self._relay = relay
        self._load = load
        # The kernel's clock of another process: clock_getcpuclockid(3), which Python has for threads only.
        self._clock = ~relay.pid << 3 | 2

    def cpu_seconds(self) -> float:
        """Return the CPU time, user and system, that the relay has taken so far."""
        return time.clock_gettime(self._clock)

    def run(self, load: Load) -> float:
        """Return the CPU seconds that the relay took for one round of ``load``, all of which it has to deliver."""
        before = self.cpu_seconds()
        arrived, misdirected = map(int, self.ask(f"run {load.bursts} {load.size} {load.together}").split())
        taken = self.cpu_seconds() - before
        assert (arrived, misdirected) == (load.forwarded, 0)
        return taken

    def ask(self, line: str) -> str:
        """Return the load's answer to a line."""
        assert self._load.stdin is not None
        assert self._load.stdout is not None
        self._load.stdin.write(line + "\n")
        self._load.stdin.flush()
        return self._load.stdout.readline()


@dataclass(frozen=True)
class Round:
    """A relay under a load, as a contender of a race."""

    relay: DrivenRelay
    load: Load

    @property
    def packets(self) -> int:
        return self.load.forwarded

    def check(self) -> None:
        self.measure()

    def measure(self) -> float:
        return self.relay.run(self.load)


@contextmanager
def driven_relay(command: Sequence[str]) -> Iterator[DrivenRelay]:
    """A relay with ``FLOWS`` confirmed flows, ready to run; both processes end with the context."""
    with (
        _process([str(BUILD / "load")], LOAD_CPU) as (load, transceiver_port),
        _process([*command, transceiver_port], RELAY_CPU) as (relay, relay_port),
    ):
        driven = DrivenRelay(relay, load)
        driven.ask(f"relay {relay_port}")
        driven.ask(f"media {packets.AUDIO[0].hex()}")
        for number in range(FLOWS):
            assert driven.ask(f"flow {packets.CHECKS[number].hex()}") == f"{number}\n"
        yield driven


@contextmanager
def _process(command: Sequence[str], cpu: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that prints its port when it is ready, and ends when its standard input does."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError(f"{command[-2:]} did not start")
            yield process, port
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
