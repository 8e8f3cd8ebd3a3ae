"""pipecat's pipelines on our transport: clients that speak SmallWebRTC's protocol talk with them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aioice.ice
import httpx
import numpy as np
import pytest

pytest.importorskip("pipecat", reason="needs pipecat-ai: pip install 'rtcsplit[pipecat]', Python 3.11 or later")

from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputTransportMessageFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from examples import pipecat_echo
from rtcsplit.adapters.pipecat import PipecatApplication
from rtcsplit.cli.web import serving
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.signaling.small_webrtc import SmallWebRtcSettings, small_webrtc_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from tests.interop.pipecat_bot import LOOPBACK, Bot

from .small_webrtc_peer import SmallWebRtcPeer
from .tones import RATE, TONE_HERTZ, dominant_hertz

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-with-pipecat.md"


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep aioice off the machine's other interfaces."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@contextlib.asynccontextmanager
async def served(bot: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Transceiver]]:
    """A transceiver whose calls get that bot, behind the door of pipecat's clients."""
    application = PipecatApplication(bot)
    async with Transceiver(TransceiverSettings(listen=LOOPBACK), application=application) as transceiver:
        settings = SmallWebRtcSettings(allow_anonymous=True, cors_origins=("*",))
        door = small_webrtc_application(transceiver, settings, application.opened)
        async with (
            serving("test", LOOPBACK, door) as bound,
            httpx.AsyncClient(base_url=f"http://{bound}", trust_env=False) as http,
        ):
            yield http, transceiver
    await application.aclose()


class Stop(FrameProcessor):
    """Interrupts at any message of the client."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputTransportMessageFrame):
            await self.broadcast_interruption()
        await self.push_frame(frame, direction)


def spoken(seconds: float) -> list[Frame]:
    """A tone as a speech service sends it: faster than real time, in pieces."""
    step = 2 * math.pi * TONE_HERTZ / 24_000
    samples = array("h", (int(3000 * math.sin(step * n)) for n in range(int(24_000 * seconds)))).tobytes()
    pieces = [samples[at : at + 4800] for at in range(0, len(samples), 4800)]
    return [TTSStartedFrame(), *(TTSAudioRawFrame(piece, 24_000, 1) for piece in pieces), TTSStoppedFrame()]


async def test_a_client_hears_itself_through_a_pipeline() -> None:
    """A session is started, its body reaches the bot, RTVI is answered, audio comes back, the end is told."""
    bot = Bot(pipecat_echo.Echo)
    async with served(bot.run) as (http, transceiver):
        started = (await http.post("/start", json={"transport": "webrtc", "body": {"name": "Ada"}})).json()
        path = f"/sessions/{started['sessionId']}/api/offer"
        async with SmallWebRtcPeer.calling(http, path) as peer:
            peer.say({"label": "rtvi-ai", "type": "client-ready", "id": "1", "data": {"version": "1.0.0"}})
            await peer.until(lambda: any(message.get("type") == "bot-ready" for message in peer.messages))
            heard = await peer.until_heard(1.5)
            assert dominant_hertz(heard[-RATE:], RATE) == pytest.approx(TONE_HERTZ, abs=5.0)
            assert bot.request_data == {"name": "Ada"}
            assert [message["type"] for message in bot.messages] == ["client-ready"]
        await asyncio.wait_for(bot.finished.wait(), 10)
        assert bot.told == ["connected", "disconnected"]
        assert not transceiver.calls()


async def test_the_page_says_how_it_is_served() -> None:
    """docs/how-to/use-with-pipecat.md as written, with the echo for its services."""
    names: dict[str, Any] = {"__name__": "page"}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), names)
    names["services"] = lambda data: [pipecat_echo.Echo()]
    async with (
        serving("test", LOOPBACK, names["app"]) as bound,
        httpx.AsyncClient(base_url=f"http://{bound}", trust_env=False) as http,
        SmallWebRtcPeer.calling(http) as peer,
    ):
        heard = await peer.until_heard(1.0)
        assert dominant_hertz(heard[-RATE // 2 :], RATE) == pytest.approx(TONE_HERTZ, abs=5.0)


async def test_speech_is_paced_and_an_interruption_silences_it() -> None:
    """Ten seconds are queued at once; the pipeline waits for the playout, and what waits is gone with the barge-in."""
    bot = Bot(Stop, spoken(10.0))
    async with served(bot.run) as (http, transceiver), SmallWebRtcPeer.calling(http, data={"a": 1}) as peer:
        heard = await peer.until_heard(1.0)
        assert dominant_hertz(heard[-RATE // 2 :], RATE) == pytest.approx(TONE_HERTZ, abs=5.0)
        [call] = transceiver.calls()
        session = call.companion
        assert isinstance(session, VoiceSession)
        assert 0 < session.audio_out.seconds_waiting <= 0.2
        peer.say({"label": "rtvi-ai", "type": "stop", "id": "1", "data": {}})
        await until(lambda: not session.audio_out.is_playing)
        assert bot.request_data == {"a": 1}


async def test_a_bot_that_ends_is_heard_to_its_end_and_says_so() -> None:
    """EndFrame: the last of the speech leaves before the call ends; the client learns that its peer has left."""
    bot = Bot(Stop, [*spoken(1.0), EndFrame()])
    async with served(bot.run) as (http, transceiver), SmallWebRtcPeer.calling(http) as peer:
        await peer.until(lambda: {"type": "signalling", "message": {"type": "peerLeft"}} in peer.messages)
        heard = await peer.until_heard(0.9)
        assert np.abs(heard[int(0.8 * RATE) :]).mean() > 1000
        await asyncio.wait_for(bot.finished.wait(), 10)
        await until(lambda: not transceiver.calls())
        assert bot.told == ["connected"]


async def until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    async def wait() -> None:
        while not condition():  # noqa: ASYNC110  # states without an event
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), timeout)
