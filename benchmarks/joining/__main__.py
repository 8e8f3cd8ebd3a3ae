"""How long a call takes to begin, in round trips, for both DTLS roles and with lost packets.

The clock starts with the client's first check and stops with its first packet of audio, both where they leave the
client. A way in user space delays every datagram, and loses some: seeded, so that each row loses alike. Signaling is
not in it: offer and answer are handed over directly.

Usage: python -m benchmarks.joining [--trials 10] [--delay 0.1] [--clients chromium firefox aiortc] [--loss 0 0.05 0.2]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import platform
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from rtcsplit import __version__
from rtcsplit.gateway.echo import Echo
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from rtcsplit.wire.packet import Kind
from tests.interop.browser import APPLY_ANSWER, CLOSE, MAKE_OFFER, chromium
from tests.interop.firefox import FirefoxPeer, firefox
from tests.offers import stored

from .way import Way

TIMEOUT = 30.0
ROLES = ("active", "passive")  # we send the ClientHello, or the client does

Accept = Callable[[bytes], Awaitable[str]]
Join = Callable[[Accept], AbstractAsyncContextManager[None]]


@dataclass
class Row:
    """The trials of one client, role and loss.

    Attributes:
        seconds: from first check to first uplink RTP; what did not begin in time is not in it.
        failed: how many those were.
    """

    client: str
    role: str
    loss: float
    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def cells(self, rtt: float) -> list[str]:
        """As the columns of the table."""
        trips = sorted(second / rtt for second in self.seconds)
        middle, high = statistics.median(trips), trips[min(len(trips) - 1, int(0.9 * len(trips)))]
        return [
            self.client, self.role, f"{self.loss:.0%}", f"{trips[0]:.2f}", f"{middle:.2f}", f"{high:.2f}",
            f"{middle * rtt * 1000:.0f}", f"{self.failed}/{self.failed + len(trips)}",
        ]  # fmt: skip


@asynccontextmanager
async def chromium_clients() -> AsyncIterator[Join]:
    """Pages of one headless browser."""
    async with chromium() as browser:

        @asynccontextmanager
        async def join(accept: Accept) -> AsyncIterator[None]:
            page = await browser.new_page()
            offer = await page.evaluate(MAKE_OFFER, {"hertz": 440, "isRsa": False})
            await page.evaluate(APPLY_ANSWER, await accept(offer.encode()))
            yield
            await page.evaluate(CLOSE)
            await page.close()

        yield join


@asynccontextmanager
async def aiortc_clients() -> AsyncIterator[Join]:
    """Peer connections in this process."""

    @asynccontextmanager
    async def join(accept: Accept) -> AsyncIterator[None]:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connection.addTrack(AudioStreamTrack())
        await connection.setLocalDescription(await connection.createOffer())
        answer = await accept(connection.localDescription.sdp.encode())
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        yield
        await connection.close()

    yield join


@asynccontextmanager
async def firefox_clients() -> AsyncIterator[Join]:
    """The page of a headless Firefox, one call after the other."""
    async with firefox() as browser:

        @asynccontextmanager
        async def join(accept: Accept) -> AsyncIterator[None]:
            page = await browser.new_page()
            offer = await page.evaluate(FirefoxPeer.make_offer, {"isRsa": False})
            await page.evaluate(APPLY_ANSWER, await accept(offer.encode()))
            yield
            await page.evaluate(FirefoxPeer.end_call)

        yield join


CLIENTS = {"chromium": chromium_clients, "firefox": firefox_clients, "aiortc": aiortc_clients}


async def trial(join: Join, row: Row, delay: float, seed: int) -> None:
    """One call, up to its first packet of audio."""
    way = Way(delay, row.loss, seed)
    settings = TransceiverSettings(Address.of("127.0.0.1", 0), advertise=(way.address,), dtls_setup=row.role)  # type: ignore[arg-type]
    try:
        async with Transceiver(settings, application=Echo()) as transceiver:
            way.server = transceiver.address

            async def accept(offer: bytes) -> str:
                return (await transceiver.accept(offer)).answer

            async with join(accept):
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(way.has_audio.wait(), TIMEOUT)
        if Kind.RTP in way.uplink:
            row.seconds.append(way.uplink[Kind.RTP] - way.uplink[Kind.STUN])
        else:
            row.failed += 1
    finally:
        way.close()


async def answers(count: int) -> list[float]:
    """Seconds that a transceiver takes from a browser's offer to its answer."""
    offer, taken = stored("chromium_audio"), []
    settings = TransceiverSettings(Address.of("127.0.0.1", 0), max_half_open_sessions=count)
    async with Transceiver(settings, application=Echo()) as transceiver:
        for _ in range(count):
            start = time.perf_counter()
            await transceiver.accept(offer)
            taken.append(time.perf_counter() - start)
            await asyncio.sleep(0.005)
    return sorted(taken)


def show(rows: list[Row], rtt: float) -> None:
    """Print the table of the page."""
    print(f"\nfirst check to first packet of audio, in round trips of {rtt * 1000:.0f} ms")
    print("| client | our `a=setup` | loss | best | median | 90 % | median, ms | failed |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row.cells(rtt))} |" if row.seconds else f"| {row.client} | {row.role} | all failed |")


async def main(arguments: argparse.Namespace) -> None:
    print(f"rtcsplit {__version__}, Python {platform.python_version()}, {platform.machine()}")
    rows = [Row(client, role, loss) for client in arguments.clients for role in ROLES for loss in arguments.loss]
    for client in arguments.clients:
        async with CLIENTS[client]() as join:
            for number in range(arguments.trials):  # interleaved, so that a busy minute spoils no row alone
                for row in rows:
                    if row.client == client:
                        await trial(join, row, arguments.delay, number + 1)
    show(rows, 2 * arguments.delay)
    taken = await answers(200)
    print(f"\nanswer to a browser's offer: median {taken[100] * 1000:.2f} ms, 99 % {taken[198] * 1000:.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.joining", description=__doc__)
    parser.add_argument("--trials", type=int, default=10, help="of each row")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds, each way")
    parser.add_argument("--clients", nargs="*", default=["chromium", "aiortc"], choices=list(CLIENTS))
    parser.add_argument("--loss", nargs="*", type=float, default=[0.0, 0.05, 0.2], help="shares of all datagrams")
    asyncio.run(main(parser.parse_args()))
