"""A client of SmallWebRTC's protocol by aiortc: what pipecat's own clients send, in their order.

Without their video section: aiortc takes no answer in which a refused section has no ICE credentials.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray

from rtcsplit.cli.demo.speech import Recording, SpeechTrack

from .tones import RATE, tone

__all__ = ["SmallWebRtcPeer"]


class SmallWebRtcPeer:
    """One connection. Make it with :meth:`calling`.

    Attributes:
        pc_id: as the server named it.
        messages: JSON that came by data channel.
    """

    def __init__(self, seconds: float) -> None:
        self.pc_id = ""
        self.messages: list[dict[str, Any]] = []
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track = SpeechTrack(tone(seconds), RATE)
        self._recording = Recording()
        self._changed = asyncio.Event()
        self.chat: RTCDataChannel = self.connection.createDataChannel("chat", ordered=True)
        self.chat.on("message", self._receive)
        self.chat.on("open", self._changed.set)

    @classmethod
    @contextlib.asynccontextmanager
    async def calling(
        cls, http: httpx.AsyncClient, path: str = "/api/offer", *, data: object = None, seconds: float = 2.0
    ) -> AsyncIterator[SmallWebRtcPeer]:
        """A peer whose chat is open for the block."""
        peer = cls(seconds)
        connection = peer.connection
        connection.addTrack(peer._track)
        recorder = None
        try:
            await connection.setLocalDescription(await connection.createOffer())
            offer = {"sdp": connection.localDescription.sdp, "type": "offer", "pc_id": None, "restart_pc": False}
            reply = await http.post(path, json=offer if data is None else {**offer, "requestData": data})
            assert reply.status_code == 200, reply.text
            answer = reply.json()
            peer.pc_id = answer["pc_id"]
            await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
            candidates = [{"candidate": "", "sdp_mid": "0", "sdp_mline_index": 0}]
            patched = await http.patch(path, json={"pc_id": peer.pc_id, "candidates": candidates})
            assert patched.json() == {"status": "success"}
            recorder = asyncio.ensure_future(peer._recording.record(connection.getReceivers()[0].track))
            await peer.until(lambda: peer.chat.readyState == "open")
            peer.chat.send("ping: 1")
            yield peer
        finally:
            await connection.close()
            if recorder is not None:
                await recorder

    def say(self, message: object) -> None:
        """Send an application message."""
        self.chat.send(json.dumps(message))

    async def until(self, condition: Any, timeout: float = 30.0) -> None:
        """Return when the condition holds; it is looked at whenever the channel does something."""

        async def wait() -> None:
            while not condition():
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(wait(), timeout)

    async def until_heard(self, seconds: float, timeout: float = 30.0) -> NDArray[np.float64]:
        """Return what came back, once there is that much."""

        async def wait() -> NDArray[np.float64]:
            while len(heard := self._recording.samples(RATE)) < seconds * RATE:  # noqa: ASYNC110  # no event there
                await asyncio.sleep(0.05)
            return heard

        return await asyncio.wait_for(wait(), timeout)

    def _receive(self, text: str) -> None:
        self.messages.append(json.loads(text))
        self._changed.set()
