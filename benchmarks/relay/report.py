"""The relay benchmark's figures as markdown tables and as JSON."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .race import Race

__all__ = ["Results"]

LIMIT = "limit"


@dataclass
class Results:
    """What was measured.

    Attributes:
        races: of the situations.
        many_flows: rtcsplit with few and with many flows.
        rates: loss-free datagrams per second one way, by contender, of each round.
        octets: per flow, by contender and number of flows.
    """

    races: list[Race] = field(default_factory=list)
    many_flows: Race | None = None
    rates: dict[str, list[int]] = field(default_factory=dict)
    octets: dict[str, dict[int, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return everything, with the machine."""
        races = [*self.races, *([self.many_flows] if self.many_flows else [])]
        return {
            "machine": {"cpu": cpu(), "kernel": platform.release().split("-")[0], "python": platform.python_version()},
            "situations": {
                race.name: {name: [asdict(outcome) for outcome in rounds] for name, rounds in race.rounds.items()}
                for race in races
            },
            "loss_free_rates": self.rates,
            "octets_per_flow": self.octets,
        }

    def lines(self) -> list[str]:
        """Return the tables."""
        out = [f"{cpu()}, Linux {platform.release().split('-')[0]}, Python {platform.python_version()}", ""]
        for race in self.races:
            out += [*_race_lines(race), ""]
        if self.many_flows is not None:
            out += [*_many_flows_lines(self.many_flows), ""]
        if self.rates:
            out += [*_rate_lines(self.rates), ""]
        if self.octets:
            out += ["| contender | flows | octets per flow |", "|---|--:|--:|"]
            for contender, by_count in self.octets.items():
                out += [f"| {contender} | {count:,} | {octets:,.0f} |" for count, octets in by_count.items()]
            out.append("")
        return [*out, *self._summary()]

    def _summary(self) -> list[str]:
        """Return the table with a line per contender, of what was measured of all."""
        names = dict.fromkeys([*(name for race in self.races for name in race.rounds), *self.rates, *self.octets])
        columns = [*(_cpu_column(race) for race in self.races if LIMIT in race.rounds)]
        columns += [_latency_column(race) for race in self.races if race.median_of(LIMIT, "p50")]
        columns += [_rate_column(self.rates)] if self.rates else []
        columns += [_octets_column(self.octets)] if self.octets else []
        if not columns:
            return []
        out = [f"| {' | '.join(['', *(title for title, _ in columns)])} |", f"|---|{'--:|' * len(columns)}"]
        return out + [f"| {' | '.join([name, *(cells.get(name, '') for _, cells in columns)])} |" for name in names]


def _race_lines(race: Race) -> list[str]:
    base = LIMIT if LIMIT in race.rounds else next(iter(race.rounds))
    out = [
        f"| {race.name} | CPU ns | to {base} | busy | arrived | p50 us | p99 us | p99.9 us | p50 to {base} |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in race.rounds:
        p50, p99, p999 = (race.median_of(name, figure) / 1000 for figure in ("p50", "p99", "p999"))
        timed = f"{p50:,.0f} | {p99:,.0f} | {p999:,.0f} | {race.ratio(name, base, 'p50'):.2f} |" if p50 else "| | | |"
        out.append(
            f"| {name} | {race.median_of(name, 'cpu_ns'):,.0f} | {race.ratio(name, base):.2f} "
            f"| {race.median_of(name, 'busy'):.0%} | {race.median_of(name, 'arrived'):,.0f} | {timed}"
        )
    return out


def _many_flows_lines(race: Race) -> list[str]:
    few, *more = race.rounds
    out = [f"| {race.name} | CPU ns | to {few} |", "|---|--:|--:|"]
    for name in (few, *more):
        out.append(f"| {name} | {race.median_of(name, 'cpu_ns'):,.0f} | {race.ratio(name, few):.2f} |")
    return out


Column = tuple[str, dict[str, str]]  # title, and what is in it by contender


def _cpu_column(race: Race) -> Column:
    ns = {name: f"{race.median_of(name, 'cpu_ns'):,.0f} ({race.ratio(name, LIMIT):.2f})" for name in race.rounds}
    return f"{race.name}: CPU ns (to limit)", ns


def _latency_column(race: Race) -> Column:
    figures = ("p50", "p99", "p999")
    us = {name: "/".join(f"{race.median_of(name, f) / 1000:,.0f}" for f in figures) for name in race.rounds}
    return f"{race.name}: p50/p99/p99.9 us", us


def _rate_column(rates: Mapping[str, list[int]]) -> Column:
    return "loss-free, one way, 1/s", {name: f"{median(found):,.0f}" for name, found in rates.items()}


def _octets_column(octets: Mapping[str, dict[int, float]]) -> Column:
    by_name = {name: " / ".join(f"{each:,.0f}" for each in found.values()) for name, found in octets.items()}
    return "octets per flow, 10^5 / 10^6", by_name


def _rate_lines(rates: Mapping[str, list[int]]) -> list[str]:
    base = "go" if "go" in rates else next(iter(rates))
    out = [f"| loss-free, one way | datagrams/s | to {base} |", "|---|--:|--:|"]
    for name, found in rates.items():
        ratio = median(ours / other for ours, other in zip(found, rates[base], strict=True))
        out.append(f"| {name} | {median(found):,.0f} | {ratio:.2f} |")
    return out


def cpu() -> str:
    """Return the CPU's name, and nothing that names the machine."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
