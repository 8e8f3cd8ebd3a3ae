"""Real DTLS-SRTP calls among synthetic ones, through the processes that an operator starts.

::

    real clients ──────► rtcsplit relay ─────► rtcsplit transceiver, echo
    synthetic clients ─►                 ─────► a socket of ours, which talks too
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx

from rtcsplit.cli.demo.counters import RelayReading
from rtcsplit.cli.demo.deployment import Deployment
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire.address import Address
from tests.interop.harness import deployed, relay_reading
from tests.interop.lean_client import TOC, LeanClient
from tests.processes import children, has_standby
from tests.relay_calls import Calls

__all__ = ["Gaps", "Mixed", "talking"]

_INTERVAL = 0.02


@dataclass(frozen=True)
class Gaps:
    """Of many calls in many runs, seconds."""

    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, gaps: list[float]) -> Gaps:
        """Sort them."""
        gaps = sorted(gaps)
        return cls(gaps[len(gaps) // 2], gaps[min(len(gaps) - 1, len(gaps) * 99 // 100)], gaps[-1])

    def __str__(self) -> str:
        return f"p50 {1000 * self.p50:.1f}, p99 {1000 * self.p99:.1f}, longest {1000 * self.longest:.1f} ms"


class Mixed:
    """Calls that talk.

    Attributes:
        deployment: relay and transceiver.
        clients: of the real calls.
        calls: the synthetic ones.
        listen: the relay's public address.
    """

    def __init__(self, deployment: Deployment, clients: list[LeanClient], calls: Calls) -> None:
        self.deployment, self.clients, self.calls = deployment, clients, calls
        self.listen = Address.parse(deployment.relay_address)

    async def run(self, seconds: float) -> list[float]:
        """Let the synthetic ones talk too; returns each call's gap."""
        for call in self.calls.calls:
            call.begin_anew()
        start = asyncio.get_running_loop().time()
        await self.calls.run(seconds)
        end = asyncio.get_running_loop().time()
        gaps = [call.gap for call in self.calls.calls]
        for client in self.clients:
            arrivals = [at for at in client.arrivals if start < at < end]
            gaps.append(max(later - at for at, later in itertools.pairwise([start, *arrivals, end])) - _INTERVAL)
        return gaps

    async def use_redis(self, url: str) -> None:
        """Let the relay mirror flows there; returns when it has stored all there are."""
        with (self.deployment.folder / "relay.toml").open("a") as config:
            config.write(f'[redis]\nurl = "{url}"\n')
        in_charge = children(self.deployment.relay.pid)[0]
        os.kill(self.deployment.relay.pid, signal.SIGUSR2)
        await self.until(lambda: in_charge not in children(self.deployment.relay.pid))
        deadline = time.monotonic() + 20
        while await self.sum_of("rtcsplit_flow_cache_operations_total") < len(self.clients) + len(self.calls.calls):
            assert time.monotonic() < deadline
            await self.calls.run(0.1)

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait; only the real calls go on meanwhile."""
        deadline = time.monotonic() + 30
        while not is_true():
            assert time.monotonic() < deadline, (self.deployment.folder / "relay.log").read_text()
            await asyncio.sleep(0.02)

    async def assert_all_talk(self) -> None:
        """Each call, both ways."""
        heard = [len(client.returned) for client in self.clients]
        received = [(call.up.received, call.down.received) for call in self.calls.calls]
        await self.calls.run(0.5)
        assert all(len(client.returned) > before for client, before in zip(self.clients, heard, strict=True))
        for call, (up, down) in zip(self.calls.calls, received, strict=True):
            assert call.up.received > up
            assert call.down.received > down

    async def busy_workers(self, seconds: float) -> set[int]:
        """The workers that clients' datagrams arrive at while everybody talks."""
        before = await self._received()
        await self.run(seconds)
        after = await self._received()
        return {worker for worker, count in after.items() if count > before.get(worker, 0)}

    async def _received(self) -> dict[int, float]:
        async with httpx.AsyncClient(trust_env=False) as http:
            text = (await http.get(self.deployment.relay_metrics_url)).text
        name = r'relay_datagrams_total\{direction="rx",side="public",worker="(\d+)"\} (\S+)'
        return {int(worker): float(count) for worker, count in re.findall(name, text)}

    async def sum_of(self, metric: str) -> int:
        """Of a relay's metric, over all labels."""
        async with httpx.AsyncClient(trust_env=False, timeout=30.0) as http:
            text = (await http.get(self.deployment.relay_metrics_url)).text
        return sum(int(float(value)) for value in re.findall(rf"^{metric}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))

    async def reading(self) -> RelayReading:
        """The relay's counters now."""
        return await relay_reading(self.deployment)


@contextlib.asynccontextmanager
async def talking(real: int, synthetic: int, *, workers: int = 1) -> AsyncIterator[Mixed]:
    """So many calls, all of them with a confirmed flow, through a relay with a process that stands by."""
    async with deployed(workers=workers) as deployment, httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
        with contextlib.ExitStack() as stack:
            calls = _synthetic_calls(deployment, stack, synthetic)
            clients = [stack.enter_context(LeanClient()) for _ in range(real)]
            await asyncio.gather(*(client.connect(http, deployment.whip_url) for client in clients))
            speaking = [asyncio.ensure_future(_speak(client)) for client in clients]
            mixed = Mixed(deployment, clients, calls)
            try:
                await calls.begin()
                await mixed.until(lambda: has_standby(deployment.relay.pid))
                yield mixed
            finally:
                for task in speaking:
                    task.cancel()
                await asyncio.gather(*speaking, return_exceptions=True)
                await asyncio.gather(*(client.hang_up(http) for client in clients))


def _synthetic_calls(deployment: Deployment, stack: contextlib.ExitStack, count: int) -> Calls:
    """Calls of a second transceiver, which is a socket of this process."""
    secret = re.search(r'1 = "([0-9a-f]{64})"', (deployment.folder / "keys.toml").read_text())
    assert secret is not None
    calls = Calls(stack, count, RoutingKeys({1: bytes.fromhex(secret[1])}, 1), Route(1, 9))
    calls.use_relay_at(Address.parse(deployment.relay_address))
    with (deployment.folder / "directory.toml").open("a") as directory:
        directory.write(f'[[transceiver]]\ncluster = 1\nid = 9\naddress = "{calls.transceiver.address}"\n')
    os.kill(deployment.relay.pid, signal.SIGHUP)
    return calls


async def _speak(client: LeanClient) -> None:
    for first in itertools.count(step=25):
        client.check()  # consent (RFC 7675)
        await client.speak([TOC + f"packet {number}".encode() for number in range(first, first + 25)])
