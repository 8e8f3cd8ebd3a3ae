"""Puts the same load on every contender, in turns, and prints what each has spent.

All servers and their calls are up from the beginning; each speaks for a second at a time, so that whatever else the
machine does falls on all alike. What other processes take of the CPU meanwhile is measured as well: seconds that they
disturb are repeated, up to a limit, and a row tells the median of its least disturbed ones.

Usage: python -m benchmarks.transceiver [--rounds 5] [--precedence] [CONTENDER=CALLS ...]
"""

from __future__ import annotations

import argparse
import platform
import resource
from contextlib import ExitStack
from importlib.metadata import version

from .precedence import take_precedence
from .run import Run

_DEFAULT = (
    "aiortc=60",
    "c-echo=600",
    "rtcsplit=600",
    "rtcsplit-callback=600",
    "rtcsplit-python=600",
    "c-echo=800",
    "rtcsplit=800",
    "rtcsplit-relayed=400",
    "rtcsplit=60",
    "rtcsplit-at-once=600",
    "rtcsplit-3ms=600",
)
_PACKETS_PER_SECOND = 50
_MOST_TURNS = 4  # for each that is wanted
_HEAD = """\
| server | calls | CPU | us per echo | ms per call-second | calls per core | times aiortc | of C | p50 ms | p99 ms | lost | late | others |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"""  # noqa: E501


def _row(run: Run, runs: list[Run]) -> str:
    """Return the line of the table; ratios are to the first aiortc, and to the C loop with as many calls."""
    totals = run.totals
    bases = [other for other in runs if other.contender == "aiortc"] + runs[:1]
    plain = [other for other in runs if other.contender == "c-echo" and other.count == run.count]
    cells = [
        run.contender,
        f"{run.count}",
        f"{run.share:.0%}",
        f"{run.cpu_us:.1f}" + (f" + {run.relay_us:.1f}" if run.relay_us else ""),
        f"{(run.cpu_us + run.relay_us) * _PACKETS_PER_SECOND / 1e3:.2f}",
        f"{1e6 / ((run.cpu_us + run.relay_us) * _PACKETS_PER_SECOND):.0f}",
        f"{bases[0].cpu_us / run.cpu_us:.1f}",
        f"{run.cpu_us / plain[0].cpu_us:.2f}" if plain else "",
    ]
    if totals.received:
        cells += [f"{totals.latency_ms(share):.2f}" for share in (0.5, 0.99)]
        cells += [f"{totals.skipped}", f"{totals.late}"]
    else:
        cells += [""] * 4
    return f"| {' | '.join(cells)} | {run.others:.0%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("runs", nargs="*", default=_DEFAULT, help="such as rtcsplit=400")
    parser.add_argument("--precedence", action="store_true", help="over the rest of the machine; see precedence.py")
    options = parser.parse_args()
    if options.precedence:
        take_precedence()
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
        print("\n".join([_HEAD, *(_row(run, runs) for run in runs)]))


if __name__ == "__main__":
    main()
