"""A relay in a process of its own, with a load of its own on another CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import packets

__all__ = ["CONTENDERS", "DrivenRelay", "Outcome", "Traffic", "available", "driven_relay"]

BUILD = Path(__file__).parents[2] / "build" / "bench"

# The relay has a CPU to itself, as far as the machine goes: whether the kernel wakes it on the load's CPU or on another
# one makes a factor of three at low rates.
_cpus = sorted(os.sched_getaffinity(0))
RELAY_CPU, LOAD_CPU = _cpus[0], _cpus[-1]

_OURS = (sys.executable, "-m", "benchmarks.relay.rtcsplit_relay")

CONTENDERS: dict[str, Sequence[str]] = {
    "rtcsplit": (*_OURS, "--runs"),
    "rtcsplit plain": _OURS,
    "limit": (str(BUILD / "forwarder"),),
    "go": (str(BUILD / "gorelay"),),
    "rtcsplit trunks": (*_OURS, "--trunks"),
    "rtcsplit runs gathered": (*_OURS, "--runs", "--coalesce"),
    "rtcsplit trunks gathered": (*_OURS, "--trunks", "--coalesce"),
    "asyncio": (sys.executable, "-m", "benchmarks.relay.asyncio_relay"),
}


@dataclass(frozen=True)
class Traffic:
    """What clients and transceiver send.

    Attributes:
        what: ``up``: clients only; ``both``: each for itself; ``echo``: the transceiver sends back what arrives.
        rate: datagrams per second and direction, evenly spaced; 0: as many as possible.
        millis: for how long.
        flows: which send in turns.
        sizes: ``equal``, or ``mixed``: 60 to 100 % of the full length.
    """

    what: str
    rate: int
    millis: int = 400
    flows: int = 1000
    sizes: str = "equal"


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        sent: datagrams; echoes are not among them.
        arrived: at transceiver and clients.
        cpu_ns: of the relay's process, user and system, per datagram that arrived.
        busy: share of its CPU that the process took while there was something to do.
        p50: nanoseconds on the way, there and back of echoes; 0 where nothing is timed.
        p99: likewise.
        p999: likewise.
    """

    sent: int
    arrived: int
    cpu_ns: float
    busy: float
    p50: int
    p99: int
    p999: int


class DrivenRelay:
    """A relay process, and the load's process."""

    def __init__(self, relay: subprocess.Popen[str], load: subprocess.Popen[str]) -> None:
        self._relay, self._load = relay, load
        self._flows = 0
        # The kernel's clock of another process: clock_getcpuclockid(3), which Python has for threads only.
        self._clock = ~relay.pid << 3 | 2

    def cpu_ns(self) -> int:
        """Return the CPU time, user and system, that the relay has taken so far."""
        return time.clock_gettime_ns(self._clock)

    def resident(self) -> int:
        """Return the octets of memory that the relay has touched."""
        pages = Path(f"/proc/{self._relay.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def run(self, traffic: Traffic) -> Outcome:
        """Put ``traffic`` on the relay. What arrives has to arrive where it belongs."""
        self.make_flows(traffic.flows)
        self.ask(f"renew {traffic.flows}")
        before = self.cpu_ns()
        told = json.loads(
            self.ask(f"run {traffic.what} {traffic.rate} {traffic.millis} {traffic.flows} {traffic.sizes}")
        )
        taken = self.cpu_ns() - before
        assert told["misdirected"] == 0, told
        arrived = told["up"] + told["down"]
        return Outcome(
            told["sent"],
            arrived,
            taken / max(arrived, 1),
            taken / max(told["send_ns"], 1),
            told["p50"],
            told["p99"],
            told["p999"],
        )

    def make_flows(self, count: int) -> None:
        """Have at least so many flows."""
        if count > self._flows:
            self.ask(f"flows {self._flows} {count - self._flows}")
            self._flows = count

    def ask(self, line: str) -> str:
        """Return the load's answer to a line."""
        assert self._load.stdin is not None
        assert self._load.stdout is not None
        self._load.stdin.write(line + "\n")
        self._load.stdin.flush()
        answer = self._load.stdout.readline()
        if not answer:
            raise RuntimeError(f"the load ended at {line[:40]!r}")
        return answer


def _command(name: str) -> tuple[Sequence[str], Path | None]:
    """Return how a contender is started, and in which directory.

    ``rtcsplit plain@TREE`` is the one that another checkout holds, for a change that is to be measured beside what was
    there before: Python takes its modules from the directory that it is started in.
    """
    kind, _, tree = name.partition("@")
    return CONTENDERS[kind], Path(tree) if tree else None


def available(names: Sequence[str]) -> list[str]:
    """Return those contenders that can run here; say which can not."""
    there = [name for name in names if name != "go" or (BUILD / "gorelay").exists()]
    for name in names:
        if name not in there:
            print(f"{name}: skipped, it was not built because there is no Go here", file=sys.stderr)
    return there


@contextmanager
def driven_relay(name: str, flows: int | None = None) -> Iterator[DrivenRelay]:
    """A relay without flows, ready to run; both processes end with the context. ``flows``: room for so many."""
    command, tree = _command(name)
    room = ["--flows", str(flows)] if flows and command[: len(_OURS)] == _OURS else []
    with (
        _process([str(BUILD / "load")], LOAD_CPU) as (load, transceiver_port),
        _process([*command, *room, transceiver_port], RELAY_CPU, tree) as (relay, relay_port),
    ):
        driven = DrivenRelay(relay, load)
        request = packets.CHECKS[0]
        driven.ask(f"relay {relay_port}")
        for what in ("runs", "trunks"):  # as rtcsplit's own transceiver does, for a relay that does
            if f"--{what}" in command:
                driven.ask(what)
        for key_id, (tag, mask) in packets.HINT_KEYS.items():
            driven.ask(f"key {key_id} {tag.hex()} {mask.hex()}")
        driven.ask(f"media {packets.AUDIO[0].hex()}")
        driven.ask(f"request {request.index(packets.UFRAGS[0].encode())} {request.hex()}")
        yield driven


@contextmanager
def _process(
    command: Sequence[str], cpu: int, directory: Path | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that prints its port when it is ready, and ends when its standard input does."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
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
