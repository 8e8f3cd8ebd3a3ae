"""What a relay costs: CPU time of its process, user and system, per datagram that it forwarded.

Not the time that passes, which on loopback is that of the load. Every datagram has to arrive, both ways, where it
belongs. `relay_run` says how a relay is driven, `asyncio_relay` and `relay/forwarder.c` what stands beside rtcsplit's.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from . import relay_run
from .conftest import PerPacket

ROUNDS = 21

Samples = dict[tuple[str, relay_run.Load], list[float]]


class SampleClock:
    """Shows pytest-benchmark the rounds that were measured before, interleaved: each call lets one of them pass."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


clock = SampleClock()


@pytest.fixture(scope="module")
def samples(request: pytest.FixtureRequest) -> Samples:
    missing = [name for name in ("load", "forwarder") if not (relay_run.BUILD / name).exists()]
    if missing:
        pytest.skip(f"build/bench/ lacks {', '.join(missing)}: run `make bench`")
    is_quick = request.config.getoption("benchmark_disable")
    return relay_run.interleaved(rounds=1 if is_quick else ROUNDS)


@pytest.mark.benchmark(timer=clock)
@pytest.mark.parametrize("contender", relay_run.CONTENDERS)
@pytest.mark.parametrize("load", relay_run.LOADS, ids=lambda load: load.name)
def test_forward(
    benchmark: BenchmarkFixture, per_packet: PerPacket, samples: Samples, contender: str, load: relay_run.Load
) -> None:
    taken = samples[contender, load]
    benchmark.group = f"relay, CPU time, {load.name}"
    per_packet.record(contender, load.forwarded)
    rounds = iter(taken)
    benchmark.pedantic(clock.advance, setup=lambda: ((next(rounds),), {}), rounds=len(taken))
