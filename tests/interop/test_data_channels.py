"""Data channels with aiortc, over real sockets: both openings, text and octets of all sizes, order, loss, closing."""

from __future__ import annotations

import asyncio
import random

import aioice.ice
import pytest

from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import (
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    DataChannelsEnded,
    MessageReceived,
)
from rtcsplit.transceiver.call import Call

from .aiortc_channels import aiortc_pair, closed, opened, received
from .channels import Pump

ROLES = {"active": "client", "passive": "server"}


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep aioice off the machine's other interfaces."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


MESSAGES = ["text", b"octets", "", b"", "ü" * 30_000, bytes(65_536), b"x" * 1132, b"x" * 1133, "last"]


@pytest.mark.parametrize("setup", ROLES)
async def test_aiortc_opens_and_both_sides_talk(setup: str) -> None:
    """H6, H7, H8: in each DTLS role; label, protocol and reliability as opened, an echo of every kind of message."""
    async with aiortc_pair(setup) as both:
        channel = both.client.createDataChannel("chat", protocol="p", ordered=False, maxRetransmits=7)
        plain = both.client.createDataChannel("plain")
        replies = received(plain)

        def echo(call: Call, event: ChannelEvent) -> None:
            if isinstance(event, MessageReceived) and call.channels is not None:
                call.channels.send(event.channel_id, event.data)

        both.recorder.react = echo
        await both.connect()
        await both.recorder.until(lambda: len(both.recorder.of_type(ChannelOpened)) == 2)
        assert both.client.sctp.transport._role == {"active": "server", "passive": "client"}[setup]
        assert both.recorder.of_type(ChannelOpened) == [
            ChannelOpened(channel.id, ChannelParameters("chat", "p", False, 7, priority=0), is_remote=True),
            ChannelOpened(plain.id, ChannelParameters("plain", priority=0), is_remote=True),
        ]
        await opened(plain)
        for message in MESSAGES:
            plain.send(message)
        assert [await asyncio.wait_for(replies.get(), 10) for _ in MESSAGES] == MESSAGES
        assert not both.transceiver.counters().drops


@pytest.mark.parametrize("setup", ROLES)
async def test_we_open_and_aiortc_answers(setup: str) -> None:
    """H6, H7: aiortc sees the channel with its parameters; the first message leaves with the opening."""
    async with aiortc_pair(setup) as both:
        both.client.createDataChannel("theirs")
        await both.connect()
        await both.recorder.until(lambda: bool(both.recorder.of_type(ChannelOpened)))
        assert both.call.channels is not None
        channel_id = both.call.channels.open("ours", protocol="p", is_ordered=False, max_lifetime_ms=500)
        both.call.channels.send(channel_id, "hello")
        channel = await asyncio.wait_for(both.remote_channels.get(), 10)
        assert (channel.label, channel.protocol, channel.ordered) == ("ours", "p", False)
        assert (channel.maxPacketLifeTime, channel.id) == (500, channel_id)
        replies = received(channel)
        both.call.channels.send(channel_id, b"more")
        while await asyncio.wait_for(replies.get(), 10) != b"more":
            pass  # "hello", if it came after the channel
        channel.send("back")
        await both.recorder.until(lambda: MessageReceived(channel_id, "back") in both.recorder.events)
        assert (
            ChannelOpened(channel_id, ChannelParameters("ours", "p", False, None, 500), False) in both.recorder.events
        )


@pytest.mark.parametrize("is_ordered", [True, False], ids=["ordered", "unordered"])
async def test_everything_arrives_both_ways_under_loss(is_ordered: bool) -> None:
    """H10: 5 % loss in each direction, 64 KiB messages among small ones."""
    async with aiortc_pair() as both:
        channel = both.client.createDataChannel("bulk", ordered=is_ordered)
        await both.connect()
        await both.recorder.until(lambda: bool(both.recorder.of_type(ChannelOpened)))
        await opened(channel)
        both.way.share = 0.05
        downlink = received(channel)
        made = random.Random(1)
        messages = [n.to_bytes(2, "big") + made.randbytes(made.choice([1, 900, 5000, 65_534])) for n in range(40)]
        assert both.call.channels is not None
        for message in messages:
            both.call.channels.send(channel.id, message)
            channel.send(message)
        arrived = [await asyncio.wait_for(downlink.get(), 60) for _ in messages]
        await both.recorder.until(lambda: len(both.recorder.of_type(MessageReceived)) == len(messages), 100)
        uplink = [event.data for event in both.recorder.of_type(MessageReceived)]
        if not is_ordered:
            arrived, uplink = sorted(arrived), sorted(uplink)
        assert arrived == messages
        assert uplink == messages
        assert both.way.longest <= 1200


@pytest.mark.parametrize("is_ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize("loss", [0.0, pytest.param(0.05, marks=pytest.mark.long)], ids=["clean", "lossy"])
async def test_ten_megabytes_in_pieces(loss: float, is_ordered: bool) -> None:
    """Written as the channel drains, so that no more than 2 MiB wait; in the long form each way at 5 % loss."""
    async with aiortc_pair() as both:
        channel = both.client.createDataChannel("file", ordered=is_ordered)
        downlink = received(channel)
        pieces = [n.to_bytes(4, "big") * 16_384 for n in range(160)]
        await both.connect()
        await both.recorder.until(lambda: bool(both.recorder.of_type(ChannelOpened)))
        both.way.share = loss
        Pump(both.recorder, both.call, pieces).start()
        arrived = [await asyncio.wait_for(downlink.get(), 300) for _ in pieces]
        assert (arrived if is_ordered else sorted(arrived)) == pieces
        if loss:
            for piece in pieces:
                channel.send(piece)
            await both.recorder.until(lambda: len(both.recorder.of_type(MessageReceived)) == len(pieces), 600)
            uplink = [event.data for event in both.recorder.of_type(MessageReceived)]
            assert (uplink if is_ordered else sorted(uplink)) == pieces
        else:
            assert not both.transceiver.counters().drops


@pytest.mark.parametrize("closer", ["aiortc", "ours"])
async def test_channels_close_and_their_ids_come_again(closer: str) -> None:
    """H9: by either side, after the last message."""
    async with aiortc_pair() as both:
        keeper = both.client.createDataChannel("keeper")
        await both.connect()
        await both.recorder.until(lambda: bool(both.recorder.of_type(ChannelOpened)))
        assert both.call.channels is not None
        ids = set()
        for turn in range(5):
            before = len(both.recorder.of_type(ChannelOpened))
            channel = both.client.createDataChannel(f"turn {turn}")
            await both.recorder.until(lambda before=before: len(both.recorder.of_type(ChannelOpened)) > before)
            last_words = received(channel)
            ids.add(channel.id)
            if closer == "ours":
                both.call.channels.send(channel.id, "bye")
                both.call.channels.close(channel.id)
                assert await asyncio.wait_for(last_words.get(), 10) == "bye"
            else:
                await opened(channel)
                channel.send("bye")
                channel.close()
            await closed(channel)
            await both.recorder.until(lambda turn=turn: len(both.recorder.of_type(ChannelClosed)) == turn + 1)
        assert len(ids) == 1
        assert keeper.readyState == "open"
        if closer == "aiortc":
            assert [event.data for event in both.recorder.of_type(MessageReceived)] == ["bye"] * 5


async def test_the_end_of_the_call_ends_the_channels() -> None:
    async with aiortc_pair() as both:
        channel = both.client.createDataChannel("chat")
        await both.connect()
        await both.recorder.until(lambda: bool(both.recorder.of_type(ChannelOpened)))
        both.call.close()
        await closed(channel)
        await both.recorder.until(lambda: bool(both.recorder.of_type(DataChannelsEnded)))
        assert both.recorder.of_type(ChannelClosed) == [ChannelClosed(channel.id)]
