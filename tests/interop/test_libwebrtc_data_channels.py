"""Data channels with libwebrtc, over real sockets: both openings, all kinds of messages, bulk, loss, closing."""

from __future__ import annotations

import asyncio

import pytest

from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.events import ChannelClosed, ChannelEvent, ChannelOpened, MessageReceived
from rtcsplit.transceiver.call import Call

from .channels import Pump
from .libwebrtc_channels import LibwebrtcPair

MESSAGES = ["text", b"octets", "", b"", "ü" * 30_000, bytes(65_536), b"x" * 1132, b"x" * 1133, "last"]


@pytest.mark.parametrize("setup", ["active", "passive"])
async def test_libwebrtc_opens_and_both_sides_talk(setup: str) -> None:
    """H6, H7, H8: in each DTLS role; label, protocol and reliability as opened, an echo of every kind of message."""
    async with LibwebrtcPair.made(setup) as both:
        both.open("loose", ordered=False, max_retransmits=7, protocol="p")
        both.open("timed", max_packet_life_time=100)
        plain = both.open("plain")

        def echo(call: Call, event: ChannelEvent) -> None:
            if isinstance(event, MessageReceived) and call.channels is not None:
                call.channels.send(event.channel_id, event.data)

        both.recorder.react = echo
        await both.connect()
        await both.recorder.until(lambda: len(both.recorder.of_type(ChannelOpened)) == 3)
        found = {event.parameters.label: event for event in both.recorder.of_type(ChannelOpened)}
        assert {event.channel_id % 2 for event in found.values()} == {1 if setup == "active" else 0}
        assert found["loose"].parameters == ChannelParameters("loose", "p", is_ordered=False, max_retransmits=7)
        assert found["timed"].parameters == ChannelParameters("timed", max_lifetime_ms=100)
        await plain.is_open.wait()
        for message in MESSAGES:
            await plain.send(message)
        assert [await asyncio.wait_for(plain.received.get(), 10) for _ in MESSAGES] == MESSAGES
        assert not both.transceiver.counters().drops


async def test_we_open_and_libwebrtc_answers() -> None:
    """H6, H7: it sees the channel with its parameters, and the first message that left with the opening."""
    async with LibwebrtcPair.made() as both:
        both.open("theirs")
        await both.connect()
        assert both.call.channels is not None
        channel_id = both.call.channels.open("ours", protocol="p", is_ordered=False, max_lifetime_ms=500)
        both.call.channels.send(channel_id, "hello")
        remote = await asyncio.wait_for(both.remote_channels.get(), 10)
        channel = remote.channel
        assert (channel.label, channel.protocol, channel.ordered) == ("ours", "p", False)
        assert (channel.max_packet_life_time, channel.id) == (500, channel_id)
        assert await asyncio.wait_for(remote.received.get(), 10) == "hello"
        await remote.send("back")
        await both.recorder.until(lambda: MessageReceived(channel_id, "back") in both.recorder.events)


@pytest.mark.parametrize("is_ordered", [True, False], ids=["ordered", "unordered"])
@pytest.mark.parametrize(
    ("loss", "count"),
    [(0.0, 160), (0.05, 16), pytest.param(0.05, 160, marks=pytest.mark.long)],
    ids=["10 MB", "1 MB lossy", "10 MB lossy"],
)
async def test_bulk_goes_down_and_up(loss: float, count: int, is_ordered: bool) -> None:
    """10 MB in pieces of 64 KiB each way, 1 MB at 5 % loss, in the long form 10 MB at 5 %; no datagram over 1,200."""
    async with LibwebrtcPair.made() as both:
        file = both.open("file", ordered=is_ordered)
        await both.connect()
        both.way.share = loss
        pieces = [bytes([n]) * 65_536 for n in range(count)]
        Pump(both.recorder, both.call, pieces).start()
        downlink = [await asyncio.wait_for(file.received.get(), 120) for _ in pieces]
        assert (downlink if is_ordered else sorted(downlink)) == pieces
        for piece in pieces:
            await file.send(piece)
        await both.recorder.until(lambda: len(both.recorder.of_type(MessageReceived)) == count, 300)
        uplink = [event.data for event in both.recorder.of_type(MessageReceived)]
        assert (uplink if is_ordered else sorted(uplink)) == pieces
        assert both.way.longest <= 1200


@pytest.mark.parametrize("closer", ["libwebrtc", "ours"])
async def test_channels_close_and_their_ids_come_again(closer: str) -> None:
    """H9: by either side, after the last message."""
    async with LibwebrtcPair.made() as both:
        both.open("keeper")
        await both.connect()
        assert both.call.channels is not None
        ids = set()
        for turn in range(5):
            remote = both.open(f"turn {turn}")
            await both.recorder.until(lambda turn=turn: len(both.recorder.of_type(ChannelOpened)) == turn + 2)
            channel_id = both.recorder.of_type(ChannelOpened)[-1].channel_id
            ids.add(channel_id)
            await asyncio.wait_for(remote.is_open.wait(), 10)
            if closer == "ours":
                both.call.channels.send(channel_id, "bye")
                both.call.channels.close(channel_id)
                assert await asyncio.wait_for(remote.received.get(), 10) == "bye"
                await asyncio.wait_for(remote.is_closed.wait(), 10)
            else:
                await remote.send("bye")
                await remote.close()
            await both.recorder.until(lambda turn=turn: len(both.recorder.of_type(ChannelClosed)) == turn + 1)
        assert len(ids) == 1
