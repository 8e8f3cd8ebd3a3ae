"""What a relay costs: CPU time of its process, user and system, per datagram that it forwarded.

Not the time that passes, which on loopback is that of the load. Every datagram has to arrive, both ways, where it
belongs. `relay_run` says how a relay is driven, `asyncio_relay` and `relay/forwarder.c` what stands beside rtcsplit's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .race import Race, task
from .relay_run import BUILD, CONTENDERS, LOADS, DrivenRelay, Load, Round, driven_relay

ROUNDS = 21


@pytest.fixture(scope="module")
def relays() -> Iterator[dict[str, DrivenRelay]]:
    missing = [name for name in ("load", "forwarder") if not (BUILD / name).exists()]
    if missing:
        pytest.skip(f"build/bench/ lacks {' and '.join(missing)}: run `make bench`")
    with ExitStack() as processes:
        yield {name: processes.enter_context(driven_relay(command)) for name, command in CONTENDERS.items()}


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize(
    "load", [pytest.param(load, id=load.name, marks=task(f"relay, CPU time, {load.name}")) for load in LOADS]
)
def test_forward(race: Race, relays: dict[str, DrivenRelay], load: Load, contender: str) -> None:
    race({name: Round(relay, load) for name, relay in relays.items()}, contender, rounds=ROUNDS)
