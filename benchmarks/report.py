"""Prints pytest-benchmark's JSON as one table: cost per packet, and how it compares with rtcsplit's.

Usage: python -m benchmarks.report build/bench/results.json
"""

from __future__ import annotations

import json
import sys
from typing import Any


def rows(benchmarks: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a markdown table, one per contender, the tasks in the order in which they ran."""
    lines = ["| task | contender | per packet | to rtcsplit's |", "|---|---|--:|--:|"]
    for benchmark in benchmarks:
        told = benchmark["extra_info"]
        ns, ratio = per_packet_ns(benchmark), told["ratio"]
        lines.append(f"| {benchmark['group']} | {told['contender']} | {ns:,.0f} ns | {ratio:.2g} |")
    return lines


def per_packet_ns(benchmark: dict[str, Any]) -> float:
    """Return the median round's nanoseconds per packet."""
    return benchmark["stats"]["median"] * 1e9 / benchmark["extra_info"]["packets"]


def main(path: str) -> None:
    with open(path) as file:
        results = json.load(file)
    machine = results["machine_info"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    print(
        f"{machine['cpu']['count']} x {machine['cpu']['brand_raw']} ({machine['machine']}), Linux {machine['kernel']}"
    )
    print(f"Python {machine['python']}, {versions}; medians\n")
    print("\n".join(rows(results["benchmarks"])))


if __name__ == "__main__":
    main(sys.argv[1])
