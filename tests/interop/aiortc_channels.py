"""A call of ours with aiortc at its other end, and the data channels between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.transceiver import Transceiver

from .channels import LossyWay, Recorder, recording_transceiver

__all__ = ["AiortcPair", "aiortc_pair", "closed", "opened", "received"]


class AiortcPair:
    """A call of ours, and aiortc at its other end."""

    def __init__(self, recorder: Recorder, transceiver: Transceiver, way: LossyWay) -> None:
        self.recorder = recorder
        self.way = way
        self.transceiver = transceiver
        self.client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.remote_channels: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
        self.client.on("datachannel", self.remote_channels.put_nowait)

    @property
    def call(self) -> Call:
        (call,) = self.transceiver.calls()
        return call

    async def connect(self) -> None:
        self.client.addTransceiver("audio")
        await self.client.setLocalDescription(await self.client.createOffer())
        accepted = await self.transceiver.accept(self.client.localDescription.sdp.encode())
        await self.client.setRemoteDescription(RTCSessionDescription(accepted.answer, "answer"))


@contextlib.asynccontextmanager
async def aiortc_pair(setup: str = "active") -> AsyncIterator[AiortcPair]:
    async with recording_transceiver(setup) as (recorder, transceiver, way):
        found = AiortcPair(recorder, transceiver, way)
        try:
            yield found
        finally:
            await found.client.close()


def received(channel: RTCDataChannel) -> asyncio.Queue[bytes | str]:
    queue: asyncio.Queue[bytes | str] = asyncio.Queue()
    channel.on("message", queue.put_nowait)
    return queue


async def opened(channel: RTCDataChannel) -> None:
    done = asyncio.Event()
    channel.on("open", done.set)
    if channel.readyState != "open":
        await asyncio.wait_for(done.wait(), 20)


async def closed(channel: RTCDataChannel) -> None:
    done = asyncio.Event()
    channel.on("close", done.set)
    if channel.readyState != "closed":
        await asyncio.wait_for(done.wait(), 20)
