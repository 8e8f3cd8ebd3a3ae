"""Floods from many addresses, by a program in C: ``tests/native/flood.c``, compiled when it is first needed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FIRST_SOURCE", "SOURCES", "Flood", "flood", "softnet_drops"]

FIRST_SOURCE = "127.16.0.0"
SOURCES = 1 << 20  # addresses from there on, at most

_SOURCE = Path(__file__).parent / "native" / "flood.c"
_PROGRAM = Path(__file__).parents[1] / "build" / "tests" / "flood"


@dataclass(frozen=True)
class Flood:
    """What a flood was.

    Attributes:
        sent: datagrams that the kernel took.
        failed: that it did not.
        answered: that came back.
        seconds: how long it took.
    """

    sent: int
    failed: int
    answered: int
    seconds: float

    @property
    def rate(self) -> float:
        """Datagrams per second."""
        return self.sent / self.seconds


async def flood(
    folder: Path,
    datagrams: Iterable[bytes],
    to_port: int,
    *,
    count: int,
    rate: int = 0,
    sources: int = SOURCES,
    port: int = 0,
) -> Flood:
    """Send the datagrams, in turns, to a port of loopback.

    Args:
        folder: for a file of ours.
        datagrams: at most 65,536.
        to_port: where.
        count: how many to send.
        rate: how many per second; 0 for as many as possible.
        sources: from as many addresses.
        port: from this port, 0 for any.
    """
    path = folder / "datagrams"
    path.write_bytes(b"".join(len(datagram).to_bytes(2, "big") + datagram for datagram in datagrams))
    arguments = map(str, (path, port, to_port, sources, rate, count))
    process = await asyncio.create_subprocess_exec(_program(), *arguments, stdout=asyncio.subprocess.PIPE)
    answer, _ = await process.communicate()
    assert process.returncode == 0
    return Flood(**json.loads(answer))


def softnet_drops() -> int:
    """Datagrams of this network namespace's host that no socket got because a CPU's backlog was full."""
    lines = Path("/proc/net/softnet_stat").read_text().splitlines()
    return sum(int(line.split()[1], 16) for line in lines)


def _program() -> Path:
    if not _PROGRAM.exists() or _PROGRAM.stat().st_mtime < _SOURCE.stat().st_mtime:
        _PROGRAM.parent.mkdir(parents=True, exist_ok=True)
        made = _PROGRAM.with_suffix(f".{os.getpid()}")
        warnings = ["-Wall", "-Wextra", "-Werror"]
        subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", *warnings, "-o", made, _SOURCE], check=True)
        made.replace(_PROGRAM)
    return _PROGRAM
