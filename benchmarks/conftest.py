"""What the benchmarks share: the race, and what is told about the machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from .race import Race

PEERS = ("aioice", "aiortc", "pylibsrtp", "cryptography")


@pytest.fixture(scope="session")
def rounds_of() -> dict[str, Mapping[str, list[float]]]:
    """The rounds of each task that has run."""
    return {}


@pytest.fixture
def race(
    request: pytest.FixtureRequest, benchmark: BenchmarkFixture, rounds_of: dict[str, Mapping[str, list[float]]]
) -> Race:
    return Race(benchmark, rounds_of, quick=request.config.getoption("benchmark_disable"))


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Keep what a figure depends on, and nothing that names the machine."""
    cpu = machine_info.get("cpu", {})
    machine_info.clear()
    machine_info.update(
        python=platform.python_version(),
        machine=platform.machine(),
        kernel=platform.release().split("-")[0],
        cpu={"count": cpu.get("count"), "brand_raw": cpu.get("brand_raw", platform.machine())},
        versions={name: version(name) for name in PEERS},
    )
