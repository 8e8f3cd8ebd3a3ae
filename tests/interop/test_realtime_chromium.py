"""A Chromium page and OpenAI's browser SDK talk through relay and gateway to a scripted Realtime server.

page ==WebRTC== relay process ==SPP== gateway process ==WebSocket== server in this process
                                      gateway process ==WebSocket== a controller in this process
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from tests.backends import until
from tests.interop.realtime_talk import KEY, SDK, Talk, talking
from tests.realtime_model import RATE

from .harness import relay_reading
from .npm import package

pytestmark = [pytest.mark.browser]


# The position in what the server says is its pitch: a receiver that stretches time leaves that alone.
START_HERTZ, HERTZ_PER_SECOND = 500.0, 1_000.0
SECONDS = 5


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
