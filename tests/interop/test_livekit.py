"""LiveKit Agents on our audio input and output, without a room and without a network: aiortc is the caller."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aioice.ice
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("livekit.agents", reason="needs livekit-agents: pip install 'rtcsplit[livekit]'")

from livekit.agents import Agent

from examples import livekit_agent
from rtcsplit.adapters.livekit import converse
from rtcsplit.cli.web import serving
from rtcsplit.gateway.voice import VoiceApplication
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from .aiortc_peer import WARM_UP, AiortcPeer
from .tones import RATE, tone

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-with-livekit.md"
LOOPBACK = Address.of("127.0.0.1", 0)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep aioice off the machine's other interfaces."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


@contextlib.asynccontextmanager
async def served(handler: Any) -> AsyncIterator[str]:
    """A transceiver whose calls get that handler; the value is its WHIP URL."""
    settings = VoiceSettings(output_rate=livekit_agent.RATE, has_transcript=False)
    application = VoiceApplication(handler, settings)
    async with Transceiver(TransceiverSettings(listen=LOOPBACK), application=application) as transceiver:
        signaling = whip_application(transceiver, WhipSettings(allow_anonymous=True))
        async with serving("test", LOOPBACK, signaling) as bound:
            yield f"http://{bound}/whip"
    await application.aclose()


class Callee:
    """The example's agent, with what was said kept."""

    def __init__(self, agent: Callable[[], Agent] = livekit_agent.Greeter) -> None:
        self._agent = agent
        self.said: list[tuple[str, str, bool]] = []
        self.is_over, self.is_interrupted = asyncio.Event(), asyncio.Event()
        self.voice: VoiceSession | None = None

    async def answer(self, voice: VoiceSession) -> None:
        self.voice = voice
        session = livekit_agent.new_session()
        session.on("conversation_item_added", lambda event: self._keep(event.item))
        await converse(voice, session, self._agent())
        self.is_over.set()

    def _keep(self, item: Any) -> None:
        if item.type == "message":
            self.said.append((item.role, item.text_content, item.interrupted))
            if item.interrupted:
                self.is_interrupted.set()


def test_the_page_defines_what_it_says() -> None:
    """docs/how-to/use-with-livekit.md: its code runs as written."""
    names: dict[str, Any] = {"__name__": "page"}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), names)
    assert isinstance(names["application"], VoiceApplication)
    assert callable(names["attach"])


class Talker(Agent):
    """Speaks for twenty seconds."""

    def __init__(self) -> None:
        super().__init__(instructions="")

    async def on_enter(self) -> None:
        self.session.say("word " * 100)


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), dtype=np.int16)


def loud_seconds(heard: NDArray[np.float64]) -> float:
    """How much of it is a tone of the agent's."""
    frames = heard[: len(heard) // 320 * 320].reshape(-1, 320)
    return float((np.abs(frames).mean(axis=1) > 1500).sum()) * 0.02


async def test_an_agent_greets_hears_and_answers() -> None:
    """0.6 s of greeting, then the caller speaks for a second, then 1.0 s of answer; the end of the call ends all."""
    callee = Callee()
    samples = np.concatenate([silence(1.2), 5 * tone(1.0), silence(2.5)])
    async with served(callee.answer) as url:
        async with AiortcPeer(samples=samples).call(url) as peer:
            await peer.until_spoken()
            heard = peer.heard()
        await asyncio.wait_for(callee.is_over.wait(), 10)
    assert callee.said[0] == ("assistant", "Hello there, caller.", False)
    assert callee.said[1][:2] in [("user", f"{seconds} seconds") for seconds in (0.9, 1.0, 1.1)]
    assert callee.said[2][0] == "assistant"
    assert callee.said[2][1].startswith("You spoke for")
    assert loud_seconds(heard) == pytest.approx(1.6 - WARM_UP, abs=0.2)


async def test_a_caller_who_speaks_up_silences_the_agent() -> None:
    """The speech of twenty seconds is cut off where it was heard, and LiveKit knows."""
    callee = Callee(Talker)
    samples = np.concatenate([silence(4.5), 5 * tone(0.5), silence(30.0)])  # LiveKit heeds nobody for three seconds
    async with served(callee.answer) as url:
        async with AiortcPeer(samples=samples).call(url) as peer:
            await asyncio.wait_for(callee.is_interrupted.wait(), 25)
            assert callee.voice is not None
            assert not callee.voice.audio_out.is_playing
            assert 0.1 < loud_seconds(peer.heard()) < 20.0
        await asyncio.wait_for(callee.is_over.wait(), 10)
