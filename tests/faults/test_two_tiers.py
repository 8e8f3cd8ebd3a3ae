"""Real calls through a first relay and one of two relays of a cluster, on hosts of their own; the one in use is lost.

::

    callers ──► first relay ──► relay a ──► transceiver, echo
    outside        edge     └─► relay b ──►    core
                                  └── flow cache (Redis), core

A gap is the longest silence of a call around the loss, less the 20 ms between two packets.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.mixed_calls import Gaps
from tests.namespaces import CORE, EDGE, PUBLIC, Hosts, hosts, why_not
from tests.processes import Running, running

SECRET = bytes(range(32)).hex()
LONG = [pytest.mark.long, pytest.mark.timeout(600)]
INTERVAL = 0.02
SETTLED = 2.5  # seconds that a relay which came back is given: more than it is left alone for

FIRST_RELAY = f"""
[relay]
listen = "{PUBLIC}:3478"
upstream = "{EDGE}:40000"
directory = "first.directory.toml"
workers = 1
confirmed_flows = 1024
standby = false
[hint_keys]
secrets.1 = "{SECRET}"
"""
CLUSTER_RELAY = """
[relay]
listen = "{address}:3478"
upstream = "{address}:40000"
relay_listen = "{address}:4000"
relay_networks = ["{edge}/32"]
directory = "directory.toml"
workers = 1
confirmed_flows = 1024
standby = false
[hint_keys]
secrets.1 = "{secret}"
[redis]
url = "redis://{core}:6379/0"
"""
TRANSCEIVER = f"""
[transceiver]
cluster = 1
id = 1
listen = "{CORE}:5000"
advertise = ["{PUBLIC}:3478"]
relay_networks = ["10.99.0.0/24"]
[hint_keys]
mint = 1
secrets.1 = "{SECRET}"
[signaling]
listen = "{CORE}:8080"
allow_anonymous = true
"""


class Tiers:
    """Everything but the callers, in processes.

    Args:
        network: the hosts.
        folder: for configurations.
        stack: ends the processes.
    """

    def __init__(self, network: Hosts, folder: Path, stack: contextlib.ExitStack) -> None:
        self._network, self._folder, self._stack = network, folder, stack
        self.relays: dict[str, Running] = {}
        self._write("directory.toml", f'[[transceiver]]\ncluster = 1\nid = 1\naddress = "{CORE}:5000"\n')
        relays = ", ".join(f'"{network.address(name)}:4000"' for name in "ab")
        self._write("first.directory.toml", f"[[cluster]]\nid = 1\nrelays = [{relays}]\n")
        self._start_redis()
        with ThreadPoolExecutor() as at_once:
            begun = [at_once.submit(self.start, name) for name in "ab"]
            begun.append(at_once.submit(self._run, "transceiver", TRANSCEIVER, "core"))
            begun.append(at_once.submit(self._run, "relay", FIRST_RELAY, "edge"))
        for start in begun:
            start.result()

    def start(self, name: str) -> Running:
        """Start a relay of the cluster."""
        values = {"address": self._network.address(name), "edge": EDGE, "core": CORE, "secret": SECRET}
        self.relays[name] = self._run("relay", CLUSTER_RELAY.format(**values), name)
        return self.relays[name]

    def kill(self, name: str) -> None:
        """End a relay of the cluster, all of its processes and sockets."""
        self.relays[name].process.kill()
        self.relays[name].process.wait()

    def _run(self, verb: str, configuration: str, host: str) -> Running:
        path = self._write(f"{host}.toml", configuration)
        command = running(verb, "--config", path, within=self._network.within(host))
        return self._stack.enter_context(command)

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        return path

    def _start_redis(self) -> None:
        options = ["--bind", CORE, "--protected-mode", "no", "--save", "", "--appendonly", "no"]
        server = subprocess.Popen(
            [*self._network.within("core"), "redis-server", "--dir", str(self._folder), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(server.wait)
        self._stack.callback(server.kill)
        assert server.stdout is not None
        self._stack.callback(server.stdout.close)
        assert any("Ready to accept connections" in line for line in server.stdout)


class Talkers:
    """Calls of another host; see ``tests/faults/talkers.py``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        assert process.stdout.readline() == "talking\n"

    def arrivals(self) -> list[list[float]]:
        """End the calls; when each one's audio came back."""
        report, _ = self._process.communicate(timeout=20)
        calls: list[list[float]] = json.loads(report)
        return calls


@contextlib.contextmanager
def talkers(network: Hosts, calls: int) -> Iterator[Talkers]:
    command = [sys.executable, "-m", "tests.faults.talkers", f"http://{CORE}:8080/whip", str(calls)]
    with subprocess.Popen(
        [*network.within("outside"), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Talkers(process)
        finally:
            process.kill()


@pytest.fixture
def network() -> Iterator[Hosts]:
    if reason := why_not():
        pytest.skip(reason)
    with hosts("a", "b") as made:
        yield made


def gap(arrivals: list[float], start: float, end: float) -> float:
    """The longest silence of a call within a time, less what is between two packets."""
    within = [at for at in arrivals if start < at < end]
    return max(later - at for at, later in itertools.pairwise([start, *within, end])) - INTERVAL


@pytest.mark.parametrize(("calls", "losses", "settled"), [(2, 1, 0.2), pytest.param(20, 13, SETTLED, marks=LONG)])
@pytest.mark.parametrize("how", ["killed", "cut off"])
def test_a_call_outlives_the_loss_of_the_relay_that_it_goes_through(
    calls: int, losses: int, settled: float, how: str, network: Hosts, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed: the kernel refuses at once. Cut off: nobody says anything."""
    with contextlib.ExitStack() as stack:
        tiers = Tiers(network, tmp_path, stack)
        lose, bring_back = ways(tiers, network)[how]
        with talkers(network, calls) as callers:
            times: list[float] = []
            for victim, other in itertools.islice(itertools.cycle([("a", "b"), ("b", "a")]), losses):
                if times:
                    bring_back(other)
                time.sleep(settled)
                times.append(time.monotonic())
                lose(victim)
                time.sleep(1.5)
            arrivals = callers.arrivals()
    times = times[1:] or times  # from the second on, all calls are at the one that is lost
    gaps = Gaps.of([gap(call, at, at + 1.5) for call in arrivals for at in times])
    peace = Gaps.of([gap(call, at - settled, at) for call in arrivals for at in times])
    print(f"\n{calls} calls, {losses} relays {how}: gap {gaps}; in peace {peace}")
    assert all(call[-1] > times[-1] + 1 for call in arrivals)
    if request.node.get_closest_marker("long") is not None:
        assert gaps.p99 <= 0.300


def ways(tiers: Tiers, network: Hosts) -> dict[str, tuple[Callable[[str], None], Callable[[str], None]]]:
    """How to lose a relay, and how to bring it back."""
    return {"killed": (tiers.kill, tiers.start), "cut off": (network.cut, network.mend)}
