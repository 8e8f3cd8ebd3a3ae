"""A Chromium page and OpenAI's browser SDK talk through relay and gateway to a scripted Realtime server.

page ==WebRTC== relay process ==SPP== gateway process ==WebSocket== server in this process
                                      gateway process ==WebSocket== a controller in this process
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from websockets.asyncio.client import connect

from rtcsplit.cli.demo.deployment import Deployment, Settings
from rtcsplit.cli.web import serving
from rtcsplit.wire.address import Address
from tests.backends import backend, until
from tests.unit.test_realtime_backend import RATE, Model

from .browser import chromium
from .harness import relay_reading
from .npm import package

pytestmark = [pytest.mark.browser]

SDK = ("@openai/agents-realtime", "0.20.0")
PAGE = Path(__file__).with_name("realtime_page.js")
KEY = {"Authorization": "Bearer standard"}

# The position in what the server says is its pitch: a receiver that stretches time leaves that alone.
START_HERTZ, HERTZ_PER_SECOND = 500.0, 1_000.0
SECONDS = 5


@dataclass
class Talk:
    """One call of a page, and what is around it.

    Attributes:
        page: that made it.
        model: answers it.
        deployment: in between.
        call_id: as the page knows it.
    """

    page: Page
    model: Model
    deployment: Deployment
    call_id: str

    async def send(self, **event: Any) -> None:
        await self.page.evaluate("(event) => call.send(event)", event)

    async def of_type(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.page.evaluate("(t) => call.events.filter(e => e.type == t)", kind)
        return found

    async def until(self, kind: str) -> dict[str, Any]:
        await self.page.wait_for_function("(t) => call.events.some(e => e.type == t)", arg=kind, timeout=15_000)
        return (await self.of_type(kind))[-1]

    async def until_heard(self) -> None:
        await self.page.wait_for_function("() => call.blocks.some(block => Math.abs(block[0]) > 0.1)")

    async def recording(self) -> NDArray[np.float64]:
        """Everything that was heard, at 48 kHz."""
        text = await self.page.evaluate("() => call.blocks.map(block => [...block].map(x => Math.round(x * 999)))")
        return np.concatenate([np.array(block, dtype=float) for block in text]) / 999


@contextlib.asynccontextmanager
async def talking(how: str, bundle: Path | None = None) -> AsyncIterator[Talk]:
    """A call that stands, made by ``callByHand`` or ``callBySdk``."""
    model = Model()
    site = Starlette(routes=[Route("/", lambda request: HTMLResponse("<p>page"))])
    async with (
        backend(model) as url,
        Deployment(Settings(backend_url=url, token="standard")) as deployment,
        serving("site", Address.of("127.0.0.1", 0), site) as origin,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await page.goto(f"http://{origin}/")
        for script in (PAGE, bundle):
            if script is not None:
                await page.add_script_tag(path=script)
        base = deployment.realtime_url
        secret = await page.request.post(f"{base}/client_secrets", headers=KEY, data={"session": {"voice": "a"}})
        arguments = {"url": f"{base}/calls", "secret": (await secret.json())["value"]}
        call_id = await page.evaluate(f"(arguments) => {how}(arguments)", arguments)
        assert call_id.startswith("rtc_")
        yield Talk(page, model, deployment, call_id)


def sweep() -> bytes:
    time = np.arange(SECONDS * RATE) / RATE
    phase = 2 * np.pi * (START_HERTZ * time + HERTZ_PER_SECOND / 2 * time**2)
    return (8_000 * np.sin(phase)).astype("<i2").tobytes()


def last_position(recording: NDArray[np.float64]) -> float:
    """Where the sweep was when it stopped: its pitch 20 ms before the end, and 20 ms."""
    end = int(np.flatnonzero(np.abs(recording) > 0.05)[-1])
    window = recording[end - 1440 : end - 480]
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window)), 48_000))
    return (float(spectrum.argmax()) - START_HERTZ) / HERTZ_PER_SECOND + 0.02


async def speak_and_be_cut_off(talk: Talk, *, by_caller: bool) -> None:
    """The server speaks, is cut off, and is told the position within 20 ms of what the page recorded."""
    model = talk.model
    names = {"response_id": "resp_1", "item_id": "item_1", "content_index": 0}
    await model.say(type="response.created", event_id="event_1", response={"id": "resp_1", "output": []})
    await model.say(type="response.output_audio.delta", delta=b64encode(sweep()).decode(), output_index=0, **names)
    await talk.until("output_audio_buffer.started")
    await talk.until_heard()
    await asyncio.sleep(0.7)
    if by_caller:
        await talk.page.evaluate("() => call.interrupt()")
    else:
        await model.say(type="input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_0")
    position = (await model.until("conversation.item.truncate"))["audio_end_ms"] / 1000
    assert (await talk.until("output_audio_buffer.cleared"))["response_id"] == "resp_1"
    await asyncio.sleep(0.5)
    heard = last_position(await talk.recording())
    assert heard == pytest.approx(position, abs=0.02)
    assert 0.5 < position < 3.0


async def test_page_talks_is_talked_to_and_barges_in() -> None:
    """Secret, offer, session.update round trip, speech up and down, barge-in, the position of the cut, hangup."""
    async with talking("callByHand") as talk:
        model = talk.model
        await model.until("session.update", 2)
        told = [event["session"] for event in model.of_type("session.update")]
        assert told == [{"voice": "a"}, {"type": "realtime", "instructions": "be brief"}]
        await talk.until("session.updated")
        await until(lambda: any(model.heard()))
        side = f"{talk.deployment.realtime_url.replace('http', 'ws')}?call_id={talk.call_id}"
        async with connect(side, additional_headers=KEY, proxy=None) as controller:
            assert json.loads(await controller.recv())["type"] == "session.created"
            await controller.send('{"type":"session.update","session":{"tools":[]}}')
            await until(lambda: len(model.of_type("session.update")) == 3)
            await speak_and_be_cut_off(talk, by_caller=False)
            seen = [json.loads(await controller.recv())["type"] for _ in range(4)]
            assert seen[:3] == ["session.updated", "response.created", "output_audio_buffer.started"]
        await model.speak(1, "item_2", "resp_2")
        assert (await talk.until("output_audio_buffer.stopped"))["response_id"] == "resp_2"
        base = talk.deployment.realtime_url
        hangup = await talk.page.request.post(f"{base}/calls/{talk.call_id}/hangup", headers=KEY)
        assert hangup.status == 200
        await asyncio.wait_for(model.sockets[-1].wait_closed(), 10)
        assert (await relay_reading(talk.deployment)).flows["confirmed"] >= 1


async def test_the_sdk_talks_is_talked_to_and_interrupts() -> None:
    """The same by @openai/agents-realtime from npm: its ``connect`` resolves with session.updated."""
    bundle = package(*SDK) / "dist" / "bundle" / "openai-realtime-agents.umd.js"
    async with talking("callBySdk", bundle) as talk:
        model = talk.model
        assert (await model.until("session.update", 2))["session"]["instructions"] == "be brief"
        assert await talk.of_type("session.updated") != []
        await until(lambda: any(model.heard()))
        await speak_and_be_cut_off(talk, by_caller=True)
        await model.until("response.cancel")
        await talk.page.evaluate("() => call.close()")
        await asyncio.wait_for(model.sockets[-1].wait_closed(), 10)
        assert await talk.page.evaluate("() => call.failed") is None
