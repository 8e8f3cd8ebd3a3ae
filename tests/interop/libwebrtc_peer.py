"""A call by libwebrtc itself, without a browser: sends a tone, keeps what comes back, restarts ICE."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from .tones import TONE_HERTZ

webrtc = pytest.importorskip("webrtc", reason="needs wrtc: pip install wrtc")

__all__ = ["RATE", "LibwebrtcPeer", "Tone", "until", "webrtc"]

RATE = 48_000
RSA = webrtc.RsaHashedKeyGenParams(
    "RSASSA-PKCS1-v1_5", modulus_length=2048, public_exponent=bytes([1, 0, 1]), hash="SHA-256"
)
_PIECE = RATE // 100  # what libwebrtc takes at a time
_FRAGMENT_LINES = ("m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:")


async def until(condition: Callable[[], bool], timeout: float = 20.0) -> None:
    """Wait until the condition holds: libwebrtc's own threads make it so."""

    async def wait() -> None:
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    await asyncio.wait_for(wait(), timeout)


class Tone:
    """A track that plays a tone while the block runs."""

    def __init__(self, hertz: float = TONE_HERTZ) -> None:
        self.track = webrtc.MediaStreamTrackGenerator("audio")
        self._hertz = hertz

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self._play())
        try:
            yield
        finally:
            task.cancel()

    async def _play(self) -> None:
        writer = self.track.writable.get_writer()
        loop = asyncio.get_running_loop()
        started, count = loop.time(), 0
        while True:
            time = (count * _PIECE + np.arange(_PIECE)) / RATE
            samples = (3277 * np.sin(2 * np.pi * self._hertz * time)).astype(np.int16).tobytes()
            init = webrtc.AudioDataInit("s16", RATE, _PIECE, 1, count * 10_000, samples)
            await writer.write(webrtc.AudioData(init))
            count += 1
            await asyncio.sleep(max(0.0, started + count * 0.01 - loop.time()))


class LibwebrtcPeer:
    """One call by WHIP. Make it with :meth:`calling`.

    Attributes:
        connection: libwebrtc's.
        states: of the connection, so far.
        messages: that came back on its channel.
    """

    def __init__(self, certificates: list[Any] | None = None, channel: str | None = None) -> None:
        configuration = None if certificates is None else webrtc.RTCConfiguration(certificates=certificates)
        self.connection = webrtc.RTCPeerConnection(configuration)
        self.states: list[str] = []
        self.messages: list[str] = []
        self._tone = Tone()
        self._tracks: list[Any] = []
        self._heard: deque[NDArray[np.int16]] = deque(maxlen=100)  # a second
        self._answer = ""
        self._session_url = ""
        connection = self.connection
        connection.on("track", lambda event: self._tracks.append(event.track))
        if channel is not None:
            opened = connection.create_data_channel(channel)
            opened.on("open", lambda _: opened.send("hello"))
            opened.on("message", lambda event: self.messages.append(event.data))
        connection.on("connectionstatechange", lambda _: self.states.append(str(connection.connection_state.value)))

    @classmethod
    @contextlib.asynccontextmanager
    async def calling(
        cls, whip_url: str, *, is_rsa: bool = False, channel: str | None = None
    ) -> AsyncIterator[LibwebrtcPeer]:
        """A peer that is connected for the block and hangs up by DELETE after it."""
        certificates = [await webrtc.RTCPeerConnection.generate_certificate(RSA)] if is_rsa else None
        peer = cls(certificates, channel)
        connection = peer.connection
        listener = None
        async with httpx.AsyncClient(trust_env=False) as http, peer._tone.playing():
            try:
                connection.add_track(peer._tone.track)
                headers = {"Content-Type": "application/sdp"}
                reply = await http.post(whip_url, content=await peer._offer(), headers=headers)
                assert reply.status_code == 201, reply.text
                peer._answer, peer._session_url = reply.text, urljoin(whip_url, reply.headers["Location"])
                await peer._apply(peer._answer)
                await until(lambda: "connected" in peer.states)
                listener = asyncio.ensure_future(peer._listen())
                yield peer
                assert (await http.delete(peer._session_url)).status_code == 200
            finally:
                if listener is not None:
                    listener.cancel()
                connection.close()

    async def restart_ice(self) -> None:
        """Restart ICE as RFC 9725 section 4.3.3 says: a fragment by PATCH, the old answer with our new credentials."""
        self.connection.restart_ice()
        offer = await self._offer()
        lines = [line for line in offer.split("\r\n") if line.startswith(_FRAGMENT_LINES)]
        headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
        async with httpx.AsyncClient(trust_env=False) as http:
            reply = await http.patch(self._session_url, content="\r\n".join([*lines, ""]), headers=headers)
        assert reply.status_code == 200, reply.text
        ours = dict(line.split(":", 1) for line in reply.text.split("\r\n") if line.startswith(("a=ice-u", "a=ice-p")))
        for name, value in ours.items():
            self._answer = re.sub(f"{name}:[^\r]*", lambda _, line=f"{name}:{value}": line, self._answer)
        await self._apply(self._answer)

    async def until_received(self, count: int, timeout: float = 30.0) -> None:
        """Return when that many packets have come back."""

        async def wait() -> None:
            while (await self.stats()).get("inbound-rtp", {}).get("packets_received", 0) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

        await asyncio.wait_for(wait(), timeout)

    def heard(self) -> NDArray[np.float64]:
        """The latest second that came back."""
        return np.concatenate(list(self._heard)).astype(np.float64)

    async def stats(self) -> dict[str, dict[str, Any]]:
        """getStats: the last report of each type, and `local` and `remote` candidate of the selected pair."""
        reports = {key: dict(vars(report)) for key, report in (await self.connection.get_stats()).items()}
        found = {report["type"].value: report for report in reports.values()}
        pair = reports.get(found.get("transport", {}).get("selected_candidate_pair_id"))
        if pair is not None:
            found["local"], found["remote"] = (
                reports[pair["local_candidate_id"]],
                reports[pair["remote_candidate_id"]],
            )
        return found

    async def _offer(self) -> str:
        await self.connection.set_local_description(await self.connection.create_offer())
        text: str = self.connection.local_description.sdp
        return text

    async def _apply(self, answer: str) -> None:
        await self.connection.set_remote_description(webrtc.RTCSessionDescriptionInit("answer", answer))

    async def _listen(self) -> None:
        await until(lambda: bool(self._tracks))
        processor = webrtc.MediaStreamTrackProcessor(webrtc.MediaStreamTrackProcessorInit(self._tracks[0]))
        reader = processor.readable.get_reader()
        while not (chunk := await reader.read()).done:
            with contextlib.closing(chunk.value) as audio:
                samples = bytearray(2 * audio.number_of_frames * audio.number_of_channels)
                audio.copy_to(samples, webrtc.AudioDataCopyToOptions(plane_index=0, format="s16"))
                mono = np.frombuffer(bytes(samples), dtype=np.int16).reshape(-1, audio.number_of_channels)[:, 0]
                self._heard.append(mono)
