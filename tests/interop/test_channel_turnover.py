"""Thousands of data channels opened and closed in one call: nothing of them stays.

What is counted is everything that can be reached from the call's data channels, so that a table, a queue or a set that
grows with closed channels shows up wherever it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import aioice.ice
import pytest

from rtcsplit.session.events import ChannelClosed, ChannelEvent, ChannelOpened, MessageReceived
from rtcsplit.transceiver.call import Call

from .aiortc_channels import aiortc_pair, closed, opened, received
from .browser import chromium
from .libwebrtc_channels import LibwebrtcPair
from .page_channels import page_pair

AT_ONCE = 50
SHORT, LONG = 200, 10_000
LOSS = 0.05
# Opens and closes as many channels as it is told, each after our answer to its one message.
TURN = """async (count) => {
    const one = () => new Promise((resolve) => {
        const channel = connection.createDataChannel("turn");
        channel.onopen = () => channel.send("hello");
        channel.onmessage = () => channel.close();
        channel.onclose = resolve;
    });
    await Promise.all(Array.from({length: count}, one));
}"""


class Pair(Protocol):
    """A call of ours and whoever is at its other end."""

    recorder: Any
    way: Any

    @property
    def call(self) -> Call: ...


Turn = Callable[[int], Any]


@contextlib.asynccontextmanager
async def with_aiortc() -> AsyncIterator[tuple[Pair, Turn]]:
    async with aiortc_pair() as both:
        both.client.createDataChannel("keeper")
        await both.connect()

        async def one() -> None:
            channel = both.client.createDataChannel("turn")
            replies = received(channel)
            await opened(channel)
            channel.send("hello")
            await replies.get()
            channel.close()
            await closed(channel)

        yield both, lambda count: asyncio.gather(*(one() for _ in range(count)))


@contextlib.asynccontextmanager
async def with_libwebrtc() -> AsyncIterator[tuple[Pair, Turn]]:
    async with LibwebrtcPair.made() as both:
        both.open("keeper")
        await both.connect()

        async def one() -> None:
            remote = both.open("turn")
            await remote.is_open.wait()
            await remote.send("hello")
            await remote.received.get()
            await remote.close()

        yield both, lambda count: asyncio.gather(*(one() for _ in range(count)))


@contextlib.asynccontextmanager
async def with_chromium() -> AsyncIterator[tuple[Pair, Turn]]:
    async with chromium() as browser, page_pair(browser) as both:
        await both.connect(("keeper", {}))
        yield both, lambda count: both.page.evaluate(TURN, count)


PEERS = {"aiortc": with_aiortc, "libwebrtc": with_libwebrtc}
BROWSERS = {"chromium": with_chromium}


def reachable(start: object) -> int:
    """How many objects of ours, and containers, can be reached from there."""
    found: dict[int, object] = {}
    queue: deque[object] = deque([start])
    while queue:
        for thing in gc.get_referents(queue.popleft()):
            is_ours = type(thing).__module__.startswith("rtcsplit.session")
            if (is_ours or isinstance(thing, (dict, list, deque, set, tuple, int, bytes))) and id(thing) not in found:
                found[id(thing)] = thing
                queue.append(thing)
    return len(found)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("loss", [0.0, LOSS], ids=["clean", "lossy"])
@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["short", "long"])
@pytest.mark.parametrize("peer", [*PEERS, *(pytest.param(name, marks=pytest.mark.browser) for name in BROWSERS)])
async def test_nothing_of_closed_channels_stays(
    peer: str, count: int, loss: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H9: as many come and go as are told; ids come again, and what can be reached is what it was."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    async with (PEERS | BROWSERS)[peer]() as (both, turn):
        opened, closed, ids = 0, 0, set[int]()

        def follow(call: Call, event: ChannelEvent) -> None:
            nonlocal opened, closed
            both.recorder.events.clear()
            match event:
                case ChannelOpened(channel_id):
                    opened += 1
                    ids.add(channel_id)
                case ChannelClosed():
                    closed += 1
                case MessageReceived(channel_id) if call.channels is not None:
                    call.channels.send(channel_id, "back")

        await both.recorder.until(lambda: bool(both.recorder.of_type(ChannelOpened)))
        both.recorder.react = follow
        channels = both.call.session.channels
        await asyncio.wait_for(turn(AT_ONCE), 120)
        await both.recorder.until(lambda: closed == AT_ONCE)
        before = reachable(channels)
        both.way.share = loss
        for _ in range(count // AT_ONCE - 1):
            await asyncio.wait_for(turn(AT_ONCE), 120)
        await both.recorder.until(lambda: closed == count, 60)
        both.way.share = 0.0
        assert opened == count
        assert len(ids) <= 4 * AT_ONCE
        await both.recorder.until(lambda: reachable(channels) <= before + 2 * AT_ONCE, 30)
