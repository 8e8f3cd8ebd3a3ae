"""A call of ours with libwebrtc at its other end, and the data channels between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from rtcsplit.session.events import ChannelOpened
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.transceiver import Transceiver

from .channels import LossyWay, Recorder, recording_transceiver
from .libwebrtc_peer import webrtc

__all__ = ["LibwebrtcPair", "RemoteChannel"]

MANY = 1 << 18  # octets that wait in libwebrtc before it is given more


class RemoteChannel:
    """A channel as libwebrtc sees it, and what came on it."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.received: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.is_open = asyncio.Event()
        self.is_closed = asyncio.Event()
        self._is_low = asyncio.Event()
        channel.binary_type = "arraybuffer"
        channel.buffered_amount_low_threshold = MANY
        channel.on("message", lambda event: self.received.put_nowait(_plain(event.data)))
        channel.on("open", lambda _: self.is_open.set())
        channel.on("close", lambda _: self.is_closed.set())
        channel.on("bufferedamountlow", lambda _: self._is_low.set())
        if channel.ready_state == "open":
            self.is_open.set()

    async def send(self, data: str | bytes) -> None:
        """Send a message, after what waits has become little."""
        while self.channel.buffered_amount > 4 * MANY:
            self._is_low.clear()
            await asyncio.wait_for(self._is_low.wait(), 60)
        self.channel.send(data)

    async def close(self) -> None:
        """Close it, and wait until both ends have."""
        self.channel.close()
        await asyncio.wait_for(self.is_closed.wait(), 60)


class LibwebrtcPair:
    """Both ends. Make it with :meth:`made`, open channels, then :meth:`connect`."""

    def __init__(self, recorder: Recorder, transceiver: Transceiver, way: LossyWay) -> None:
        self.recorder = recorder
        self.transceiver = transceiver
        self.way = way
        self.client = webrtc.RTCPeerConnection()
        self.remote_channels: asyncio.Queue[RemoteChannel] = asyncio.Queue()
        self.client.on("datachannel", lambda event: self.remote_channels.put_nowait(RemoteChannel(event.channel)))

    @classmethod
    @contextlib.asynccontextmanager
    async def made(cls, setup: str = "active", **options: Any) -> AsyncIterator[LibwebrtcPair]:
        async with recording_transceiver(setup, **options) as (recorder, transceiver, way):
            found = cls(recorder, transceiver, way)
            try:
                yield found
            finally:
                found.client.close()

    @property
    def call(self) -> Call:
        (call,) = self.transceiver.calls()
        return call

    def open(self, label: str, **options: Any) -> RemoteChannel:
        """Have libwebrtc open a channel."""
        return RemoteChannel(self.client.create_data_channel(label, webrtc.RTCDataChannelInit(**options)))

    async def connect(self) -> None:
        """Offer, answer, and wait until our side has a channel."""
        self.client.add_transceiver("audio")
        await self.client.set_local_description(await self.client.create_offer())
        accepted = await self.transceiver.accept(self.client.local_description.sdp.encode())
        await self.client.set_remote_description(webrtc.RTCSessionDescriptionInit("answer", accepted.answer))
        await self.recorder.until(lambda: bool(self.recorder.of_type(ChannelOpened)))


def _plain(data: Any) -> str | bytes:
    return data if isinstance(data, str) else bytes(data)
