"""Runs the contenders one after the other under the same load, and prints what each spent.

Usage: python -m benchmarks.transceiver [--seconds 5] [CONTENDER=CALLS ...]
"""

from __future__ import annotations

import argparse
import platform
import resource
from dataclasses import dataclass
from importlib.metadata import version

from .callers import Callers
from .load import Load, Totals
from .servers import Server

_PACKETS_PER_SECOND = 50
_SLICE = 0.02  # seconds between two looks at checks and their answers
_WARM_UP = 1.5
_LAST_ECHOES = 0.3
_DEFAULT = ("aiortc=40", "rtcsplit=40", "rtcsplit=400")


@dataclass(frozen=True)
class Result:
    """One row of the table."""

    contender: str
    calls: int
    seconds: float
    cpu_seconds: float
    totals: Totals

    @property
    def cpu_ms_per_call_second(self) -> float:
        return self.cpu_seconds * 1e3 / (self.calls * self.seconds)

    @property
    def calls_per_core(self) -> float:
        return 1e3 / self.cpu_ms_per_call_second

    @property
    def row(self) -> str:
        t = self.totals
        cells = [
            self.contender,
            f"{self.calls}",
            f"{self.cpu_seconds / self.seconds:.0%}",
            f"{self.cpu_ms_per_call_second:.2f}",
            f"{self.cpu_seconds * 1e6 / t.sent:.1f}",
            f"{self.calls_per_core:.0f}",
        ]
        if t.received:
            cells += [f"{t.latency_ms(share):.2f}" for share in (0.5, 0.99)] + [f"{t.sent - t.received}", f"{t.late}"]
        else:  # decoded and encoded, so nothing comes back as it was
            cells += [""] * 4
        return f"| {' | '.join(cells)} |"


_HEAD = """\
| server | calls | of a core | ms per call-second | us per packet | calls per core | p50 ms | p99 ms | lost | late |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""


def measure(contender: str, calls: int, seconds: float) -> Result:
    """Set up ``calls`` echo calls on a new server and measure it for so many seconds of speech."""
    server = Server(contender)
    callers = Callers(server.accept, calls)
    load = Load([(caller.sock, caller.srtp) for caller in callers.callers if caller.srtp is not None])

    def run(duration: float, *, is_speaking: bool = True) -> None:
        for _ in range(round(duration / _SLICE)):
            for index, datagram in load.run(_SLICE, is_speaking=is_speaking):
                callers.receive(index, datagram)
            callers.handle_timers()

    run(_WARM_UP)
    before, cpu_before = load.totals(), server.cpu_seconds()
    run(seconds)
    cpu = server.cpu_seconds() - cpu_before
    totals = load.totals() - before
    server.stop()
    load.close()
    callers.close()
    return Result(contender, calls, totals.sent / calls / _PACKETS_PER_SECOND, cpu, totals)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("runs", nargs="*", default=_DEFAULT, help="such as rtcsplit=400")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    versions = ", ".join(f"{name} {version(name)}" for name in ("aiortc", "pylibsrtp", "cryptography"))
    print(f"Python {platform.python_version()}, {versions}; AES-128-GCM, 160-octet payloads, 50/s each way\n")
    print(_HEAD, flush=True)
    for run in options.runs:
        contender, _, calls = run.partition("=")
        print(measure(contender, int(calls), options.seconds).row, flush=True)


if __name__ == "__main__":
    main()
