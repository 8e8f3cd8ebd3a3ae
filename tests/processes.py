"""The ``rtcsplit`` command in processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rtcsplit.wire.address import Address

__all__ = [
    "Running",
    "children",
    "free_port",
    "has_standby",
    "rtcsplit",
    "running",
    "worker_priorities",
    "worker_threads",
]

_ROOT = str(Path(__file__).parents[1])
_HIDING = "import sys; sys.modules[{library!r}] = None; from rtcsplit.cli.main import main; main()"


@dataclass
class Running:
    """A command that has said that it is ready.

    Attributes:
        process: it.
        addresses: what its ready line says, by name.
    """

    process: subprocess.Popen[str]
    addresses: dict[str, str]

    def address(self, name: str) -> Address:
        """Return one of the addresses."""
        return Address.parse(self.addresses[name].partition(",")[0])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send the signal; return the exit status and the rest of stderr."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20), self.stderr()

    def stderr(self) -> str:
        """Return the rest of stderr of a process that has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def next_log(self) -> str:
        """Return the next line of stderr that does not just say how much was dropped in ten seconds."""
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        while '"event":"datagrams_dropped"' in line:
            line = self.process.stderr.readline()
        return line


@contextmanager
def running(*arguments: object, within: Sequence[str] = (), **environment: str) -> Iterator[Running]:
    """Run a command until the block ends; the block begins when the command is ready.

    Args:
        arguments: of the command.
        within: what runs it in another place, such as ``ip netns exec NAME``.
        environment: more variables.
    """
    command = [*within, sys.executable, "-m", "rtcsplit", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(environment)
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            if not line:
                raise AssertionError(f"status {process.wait(timeout=20)}: {process.stderr.read()}")
            words = line.partition(" ready: ")[2].split()
            yield Running(process, dict(word.split("=", 1) for word in words))
        finally:
            process.kill()


def rtcsplit(*arguments: object, without: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Args:
        arguments: of the command.
        without: a library to run without, as if it were not installed.
        environment: more variables.
    """
    program = ["-c", _HIDING.format(library=without)] if without else ["-m", "rtcsplit"]
    return subprocess.run(
        [sys.executable, *program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=30,
        env=_environment(environment),
        check=False,
    )


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that live, the oldest first."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_standby(supervisor: int) -> bool:
    """Whether a second forwarding process of a relay waits at the seats, by its threads."""
    threads = [worker_threads(pid) for pid in children(supervisor)]
    return len(threads) == 2 and all(threads)


def worker_threads(pid: int) -> list[str]:
    """Return the names of a forwarding process' workers."""
    with suppress(OSError):
        names = [path.read_text().strip() for path in Path(f"/proc/{pid}/task").glob("*/comm")]
        return [name for name in names if name.startswith("relay-")]
    return []


def worker_priorities(pid: int) -> list[int]:
    """Return the nice values of a forwarding process' workers."""
    tasks = [path.parent for path in Path(f"/proc/{pid}/task").glob("*/comm") if path.read_text().startswith("relay-")]
    return [os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks]


def free_port(kind: socket.SocketKind) -> int:
    """Return a port of loopback that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(more: dict[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RTCSPLIT_")}
    return {**ours, "PYTHONPATH": _ROOT, **more}
