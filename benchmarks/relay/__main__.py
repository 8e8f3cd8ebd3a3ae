"""Runs the relay benchmark: ``python -m benchmarks.relay``, or ``make bench-relay``.

CPU nanoseconds are user and system time of the relay's process per datagram that arrived. Ratios are medians of the
rounds' ratios. QUICK only shows that every contender runs and delivers; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from .driven import CONTENDERS, Traffic, available, driven_relay
from .race import BELOW, SITUATIONS, Race, flow_octets, loss_free_rate
from .report import Results

_FEW, _MANY = 1000, 100_000
_MEMORY = {"rtcsplit plain": (100_000, 1_000_000), "go": (100_000, 1_000_000), "asyncio": (100_000,)}
_PROBE_MILLIS = 300
_QUICK_MILLIS = (20, 100, 500, 500, 2000)  # a busy machine may not let a relay run within the first of them
_CONTENDERS = "rtcsplit plain,rtcsplit,limit,go,asyncio"
_ROUNDS_OF_MANY = 3  # at most, of what takes long and moves little
_BELOW = [name for name in CONTENDERS if name.startswith("rtcsplit")] + ["limit"]


def races(results: Results, traffics: Mapping[str, Traffic], names: list[str], rounds: int) -> None:
    """Situations, each with all contenders in turns."""
    with ExitStack() as processes:
        relays = {name: processes.enter_context(driven_relay(name)) for name in names}
        for name, traffic in traffics.items():
            results.races.append(Race.run(name, relays, dict.fromkeys(relays, traffic), rounds))


def quick_look(traffics: Mapping[str, Traffic], names: list[str]) -> None:
    """Whether every contender runs and delivers something in every situation."""
    with ExitStack() as processes:
        relays = {name: processes.enter_context(driven_relay(name)) for name in names}
        for name, traffic in traffics.items():
            looks = [replace(traffic, millis=millis, flows=50) for millis in _QUICK_MILLIS]
            for contender, relay in relays.items():
                if not any(relay.run(look).arrived for look in looks):
                    raise SystemExit(f"{name}: nothing arrived through {contender}")


def rates(results: Results, names: list[str], rounds: int) -> None:
    """The loss-free rates, in turns."""
    with ExitStack() as processes:
        relays = {name: processes.enter_context(driven_relay(name)) for name in names}
        results.rates = {name: [] for name in relays}
        for _ in range(rounds):
            for name, relay in relays.items():
                before = results.rates[name][-1:]
                results.rates[name].append(loss_free_rate(relay, _PROBE_MILLIS, *before))


def many_flows(results: Results, rounds: int) -> None:
    """The same relay with few flows that send, and with many."""
    with driven_relay("rtcsplit plain") as relay:
        few, many = (replace(SITUATIONS["saturated, one way"], flows=count) for count in (_FEW, _MANY))
        named = {f"{_FEW:,} flows": few, f"{_MANY:,} flows": many}
        results.many_flows = Race.run("rtcsplit, saturated, one way", dict.fromkeys(named, relay), named, rounds)


def memory(results: Results, names: list[str]) -> None:
    """Octets per flow, of a fresh relay each."""
    for name in names:
        if name in _MEMORY:
            results.octets[name] = {count: flow_octets(name, count) for count in _MEMORY[name]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="only show that it runs")
    parser.add_argument("--contenders", help="NAME, or NAME@TREE for that of another checkout")
    parser.add_argument("--flows", type=int, default=_FEW, help="that send in turns, in the situations")
    parser.add_argument("--parts", default="situations,below,flows,rates,memory")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    names = available((options.contenders or _CONTENDERS).split(","))
    if options.quick:
        quick_look(SITUATIONS, names)
        quick_look(BELOW, _BELOW)
        print(f"relay: {', '.join(dict.fromkeys([*names, *_BELOW]))} ran and delivered")
        return
    parts = set(options.parts.split(","))
    results, few_rounds = Results(), min(options.rounds, _ROUNDS_OF_MANY)
    if "situations" in parts:
        situations = {name: replace(traffic, flows=options.flows) for name, traffic in SITUATIONS.items()}
        races(results, situations, names, options.rounds)
    if "below" in parts:
        races(results, BELOW, names if options.contenders else _BELOW, few_rounds)
    if "flows" in parts:
        many_flows(results, few_rounds)
    if "rates" in parts:
        rates(results, names, few_rounds)
    if "memory" in parts:
        memory(results, names)
    print("\n".join(results.lines()))
    if options.json:
        options.json.write_text(json.dumps(results.as_json(), indent=1))


if __name__ == "__main__":
    main()
