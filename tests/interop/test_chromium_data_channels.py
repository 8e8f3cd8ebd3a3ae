"""Data channels with Chromium, over real sockets: both openings, all kinds of messages, bulk, loss, closing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import ChannelClosed, ChannelEvent, ChannelOpened, MessageReceived
from rtcsplit.transceiver.call import Call

from .browser import chromium
from .channels import Pump
from .page_channels import OPEN, SAID, SEND, page_pair, summed

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

DESCRIBE = """(label) => {
    const {id, ordered, maxRetransmits, maxPacketLifeTime, protocol} = channels[label].channel;
    return {id, ordered, maxRetransmits, maxPacketLifeTime, protocol};
}"""
UPLOAD = """async ([label, pieces, size]) => {
    const {channel} = channels[label];
    channel.bufferedAmountLowThreshold = 1 << 18;
    for (let n = 0; n < pieces; n++) {
        const isLow = () => new Promise((resolve) => { channel.onbufferedamountlow = resolve; });
        if (channel.bufferedAmount > 1 << 20) await isLow();
        channel.send(new Uint8Array(size).fill(n));
    }
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.mark.parametrize("setup", ["active", "passive"])
async def test_chromium_opens_and_both_sides_talk(browser: Browser, setup: str) -> None:
    """H6, H7, H8: in each DTLS role; parameters as opened, an echo of every kind of message."""
    async with page_pair(browser, setup) as both:

        def echo(call: Call, event: ChannelEvent) -> None:
            if isinstance(event, MessageReceived) and call.channels is not None:
                call.channels.send(event.channel_id, event.data)

        both.recorder.react = echo
        await both.connect(
            ("oai-events", {}), ("loose", {"ordered": False, "maxRetransmits": 3, "protocol": "p"}),
            ("timed", {"maxPacketLifeTime": 100}),
        )  # fmt: skip
        found = {event.parameters.label: event for event in both.recorder.of_type(ChannelOpened)}
        assert {event.channel_id % 2 for event in found.values()} == {1 if setup == "active" else 0}
        assert found["oai-events"].parameters == ChannelParameters("oai-events")
        assert found["loose"].parameters == ChannelParameters("loose", "p", is_ordered=False, max_retransmits=3)
        assert found["timed"].parameters == ChannelParameters("timed", max_lifetime_ms=100)
        await both.page.evaluate(SEND, ["oai-events", SAID])
        expected = [summed(value if isinstance(value, str) else bytes(value)) for value in SAID]
        assert await both.messages("oai-events", len(SAID)) == expected
        assert not both.transceiver.counters().drops


async def test_we_open_and_chromium_answers(browser: Browser) -> None:
    """H6, H7: the page sees our channel and its parameters, and the message that left with the opening."""
    async with page_pair(browser) as both:
        await both.connect(("theirs", {}))
        assert both.call.channels is not None
        channel_id = both.call.channels.open("ours", protocol="p", is_ordered=False, max_retransmits=0)
        both.call.channels.send(channel_id, "hello")
        assert await both.messages("ours", 1) == ["hello"]
        assert await both.page.evaluate(DESCRIBE, "ours") == {
            "id": channel_id, "ordered": False, "maxRetransmits": 0, "maxPacketLifeTime": None, "protocol": "p",
        }  # fmt: skip
        await both.page.evaluate(SEND, ["ours", ["back"]])
        await both.recorder.until(lambda: MessageReceived(channel_id, "back") in both.recorder.events)


@pytest.mark.parametrize("is_ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize(
    ("loss", "count"),
    [(0.0, 160), (0.05, 16), pytest.param(0.05, 160, marks=pytest.mark.long)],
    ids=["10 MB", "1 MB lossy", "10 MB lossy"],
)
async def test_bulk_goes_down_and_up(browser: Browser, loss: float, count: int, is_ordered: bool) -> None:
    """10 MB in pieces of 64 KiB each way, 1 MB at 5 % loss, in the long form 10 MB at 5 %; no datagram over 1,200."""
    async with page_pair(browser) as both:
        await both.connect(("file", {"ordered": is_ordered}))
        both.way.share = loss
        Pump(both.recorder, both.call, (bytes([n]) * 65_536 for n in range(count))).start()
        downlink = await both.messages("file", count, 300)
        expected = [summed(bytes([n]) * 65_536) for n in range(count)]
        assert (downlink if is_ordered else sorted(downlink)) == (expected if is_ordered else sorted(expected))
        await both.page.evaluate(UPLOAD, ["file", count, 65_536])
        await both.recorder.until(lambda: len(both.recorder.of_type(MessageReceived)) == count, 300)
        uplink = [event.data for event in both.recorder.of_type(MessageReceived)]
        assert (uplink if is_ordered else sorted(uplink)) == [bytes([n]) * 65_536 for n in range(count)]
        assert both.way.longest <= 1200


@pytest.mark.parametrize("closer", ["page", "ours"])
async def test_channels_close_and_their_ids_come_again(browser: Browser, closer: str) -> None:
    """H9: by either side, after the last message."""
    async with page_pair(browser) as both:
        await both.connect(("keeper", {}))
        assert both.call.channels is not None
        ids = set()
        for turn in range(5):
            label = f"turn {turn}"
            await both.page.evaluate(OPEN, [label, {}])
            await both.recorder.until(lambda turn=turn: len(both.recorder.of_type(ChannelOpened)) == turn + 2)
            channel_id = both.recorder.of_type(ChannelOpened)[-1].channel_id
            ids.add(channel_id)
            if closer == "ours":
                # Chromium drops what comes before it has opened the channel for the page, if the reset is close behind.
                await both.page.evaluate("async (label) => { await channels[label].isOpen; }", label)
                both.call.channels.send(channel_id, "bye")
                both.call.channels.close(channel_id)
                assert await both.messages(label, 1) == ["bye"]
            else:
                await both.page.evaluate(SEND, [label, ["bye"]])
                await both.page.evaluate("(label) => channels[label].channel.close()", label)
            await asyncio.wait_for(
                both.page.evaluate("async (label) => { await channels[label].isClosed; }", label), 10
            )
            await both.recorder.until(lambda turn=turn: len(both.recorder.of_type(ChannelClosed)) == turn + 1)
        assert len(ids) == 1
        if closer == "page":
            assert [event.data for event in both.recorder.of_type(MessageReceived)] == ["bye"] * 5
