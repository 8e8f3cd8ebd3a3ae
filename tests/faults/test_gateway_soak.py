"""A gateway with many calls, for long, whose backend is killed and started again; calls come and go meanwhile.

clients ==WebRTC== transceiver with a WebSocket backend ==one WebSocket per call== backend in a process of its own
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rtcsplit.gateway import backend_link
from tests.backends import Dialler, gateway, until
from tests.interop.lean_client import LeanClient
from tests.processes import free_port
from tests.voice_calls import encoded, speech

ECHO = Path(__file__).parents[2] / "examples" / "echo_backend.py"
CHECK_EVERY = 4.0  # seconds; consent ends after 30
SPEAKING = 20  # calls at a time
WORDS = encoded(speech())[:25]


@contextlib.asynccontextmanager
async def backend_process(port: int) -> AsyncIterator[None]:
    """The example's backend; killed at the end of the block, as by a crash."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ECHO), str(port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line.startswith(b"listening"), line
    drained = asyncio.ensure_future(process.stdout.read())
    try:
        yield
    finally:
        process.kill()
        await process.wait()
        await drained


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_mebioctets() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Clients:
    """Calls that live, and are kept alive.

    Attributes:
        living: in the order in which they were dialled.
    """

    def __init__(self, dialler: Dialler) -> None:
        self.living: list[LeanClient] = []
        self._dialler = dialler

    async def dial(self, count: int) -> None:
        for _ in range(count):
            client = LeanClient()  # not the dialler's own, which it would keep
            await client.connect(self._dialler.http, "http://calls.test/whip")
            self.living.append(client)

    async def hang_up(self, count: int) -> None:
        gone, self.living = self.living[:count], self.living[count:]
        for client in gone:
            await client.hang_up(self._dialler.http)
            assert client.transport is not None
            client.transport.close()

    async def keep_alive(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            for client in self.living:
                client.check()

    async def hear_themselves(self) -> None:
        """Each says something and hears it come back by way of the backend."""
        for at in range(0, len(self.living), SPEAKING):
            await asyncio.gather(*(self._hear_itself(client) for client in self.living[at : at + SPEAKING]))

    @staticmethod
    async def _hear_itself(client: LeanClient) -> None:
        client.returned.clear()
        client.arrivals.clear()
        for _ in range(40):
            await client.speak(WORDS)
            if len(client.returned) > len(WORDS) // 2:
                return
        raise AssertionError("nothing comes back")


async def live(calls: int, seconds: float) -> None:
    """Run so many calls for so long, and see that nothing is left of them."""
    port, packets = free_port(socket.SOCK_STREAM), {"audio_in_rate": None, "audio_out_rate": None}
    tasks, files = len(asyncio.all_tasks()), open_files()
    sizes: list[float] = []
    end = time.monotonic() + seconds
    async with gateway(f"ws://127.0.0.1:{port}", reconnect_attempts=100, **packets) as one:
        clients = Clients(one)
        alive = asyncio.ensure_future(clients.keep_alive())
        while len(sizes) < 2 or time.monotonic() < end:
            async with backend_process(port):
                await clients.dial(calls - len(clients.living))
                await clients.hear_themselves()
                assert len(one.transceiver.calls()) == len(one.voice.sessions()) == calls
            await clients.hang_up(calls // 10)  # while the backend is away
            gc.collect()
            sizes.append(resident_mebioctets())
        await clients.hang_up(len(clients.living))
        await until(lambda: not one.voice.sessions() and not one.transceiver.calls(), 30.0)
        alive.cancel()
    gc.collect()
    await until(lambda: len(asyncio.all_tasks()) <= tasks + 1, 30.0)  # the one that waits here
    assert open_files() <= files
    first, last = sizes[len(sizes) // 4], sizes[-1]
    print(f"\n{calls} calls, {seconds:.0f} s, backend killed {len(sizes)} times; no task, descriptor or session left")
    print(f"resident memory after a quarter of the time {first:.1f} MiB, at the end {last:.1f} MiB")
    if seconds > 60:
        assert last < 1.1 * first


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_link, "_FIRST_DELAY", 0.05)


async def test_calls_live_through_a_killed_backend_and_leave_nothing() -> None:
    await live(calls=10, seconds=0.0)


@pytest.mark.soak
async def test_a_hundred_calls_for_ten_minutes() -> None:
    await live(calls=100, seconds=float(os.environ.get("SOAK_SECONDS", "600")))
