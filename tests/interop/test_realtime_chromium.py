"""A Chromium page makes the calls that OpenAI's browser SDK makes, and a scripted Realtime server answers it."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from rtcsplit.cli.web import serving
from rtcsplit.gateway.backend_settings import BackendSettings
from rtcsplit.gateway.realtime_backend import RealtimeBackend
from rtcsplit.signaling.realtime import RealtimeSettings, realtime_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from tests.backends import backend, until
from tests.unit.test_realtime_backend import RATE, Model

from .browser import chromium

pytestmark = [pytest.mark.browser]

LOOPBACK = Address.of("127.0.0.1", 0)

# The position in what the server says is its pitch: a receiver that stretches time leaves that alone.
START_HERTZ, HERTZ_PER_SECOND = 500.0, 1_000.0
SECONDS = 5

# A worklet keeps everything that is heard.
CALL = """
async ({url, secret}) => {
    const context = new AudioContext({sampleRate: 48000});
    const code = `registerProcessor("recorder", class extends AudioWorkletProcessor {
        process([[input]]) {
            if (input) this.port.postMessage(input);
            return true;
        }
    })`;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], {type: "text/javascript"})));
    const recorder = new AudioWorkletNode(context, "recorder");
    const connection = new RTCPeerConnection();
    window.call = {connection, context, events: [], blocks: [], recorder};
    recorder.port.onmessage = ({data}) => call.blocks.push(data);
    const channel = call.channel = connection.createDataChannel("oai-events");
    channel.onmessage = ({data}) => call.events.push(JSON.parse(data));
    connection.ontrack = ({track}) => {
        const stream = new MediaStream([track]);
        const element = new Audio();
        element.srcObject = stream;
        element.muted = true;
        element.play();
        new MediaStreamAudioSourceNode(context, {mediaStream: stream}).connect(recorder);
    };
    const oscillator = new OscillatorNode(context, {frequency: 440});
    const output = new MediaStreamAudioDestinationNode(context);
    oscillator.connect(output);
    oscillator.start();
    connection.addTrack(output.stream.getAudioTracks()[0], output.stream);
    await connection.setLocalDescription();
    const response = await fetch(url, {
        method: "POST",
        body: connection.localDescription.sdp,
        headers: {
            "Authorization": `Bearer ${secret}`,
            "Content-Type": "application/sdp",
            "X-OpenAI-Agents-SDK": "openai-agents-sdk.test",
        },
    });
    await connection.setRemoteDescription({type: "answer", sdp: await response.text()});
    return [response.status, response.headers.get("Location")];
}
"""
SEND = "(event) => call.channel.send(JSON.stringify(event))"


class SdkPage:
    """A page with one call."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def events(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self._page.evaluate(
            "(type) => call.events.filter(e => e.type == type)", kind
        )
        return found

    async def until(self, kind: str) -> dict[str, Any]:
        await self._page.wait_for_function("(type) => call.events.some(e => e.type == type)", arg=kind, timeout=15_000)
        return (await self.events(kind))[-1]

    async def recording(self) -> NDArray[np.float64]:
        """Everything that was heard, at 48 kHz."""
        text = await self._page.evaluate("() => call.blocks.map(block => [...block].map(x => Math.round(x * 999)))")
        return np.concatenate([np.array(block, dtype=float) for block in text]) / 999


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


async def test_page_talks_is_talked_to_and_barges_in() -> None:
    """Secret, offer, session.update round trip, speech up and down, barge-in, the position of the cut, hangup."""
    model = Model()
    key = {"Authorization": "Bearer standard"}
    async with backend(model) as url, chromium() as browser:
        application = RealtimeBackend(BackendSettings(url))
        async with Transceiver(TransceiverSettings(listen=LOOPBACK), application=application) as transceiver:
            settings = RealtimeSettings(tokens=("standard",), cors_origins=("*",))
            door = realtime_application(transceiver, settings, application)
            site = Starlette(routes=[Route("/", lambda request: HTMLResponse("<p>page"))])
            async with serving("door", LOOPBACK, door) as api, serving("site", LOOPBACK, site) as origin:
                page = await browser.new_page()
                await page.goto(f"http://{origin}/")
                base = f"http://{api}/v1/realtime"
                wish = {"session": {"voice": "a"}}
                secret = await page.request.post(f"{base}/client_secrets", headers=key, data=wish)
                arguments = {"url": f"{base}/calls", "secret": (await secret.json())["value"]}
                status, location = await page.evaluate(CALL, arguments)
                assert (status, location[:23]) == (201, "/v1/realtime/calls/rtc_")
                talk = SdkPage(page)
                assert (await model.until("session.update"))["session"] == {"voice": "a"}
                await talk.until("session.created")
                await page.evaluate(SEND, {"type": "session.update", "session": {"voice": "b"}})
                await until(lambda: len(model.of_type("session.update")) == 2)
                await until(lambda: any(model.heard()))
                names = {"response_id": "resp_1", "item_id": "item_1", "content_index": 0}
                await model.say(type="response.output_audio.delta", delta=b64encode(sweep()).decode(), **names)
                await talk.until("output_audio_buffer.started")
                await page.wait_for_function("() => call.blocks.some(block => block[0] > 0.1)")
                await asyncio.sleep(0.7)
                await model.say(type="input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_0")
                position = (await model.until("conversation.item.truncate"))["audio_end_ms"] / 1000
                await talk.until("output_audio_buffer.cleared")
                await asyncio.sleep(0.5)
                heard = last_position(await talk.recording())
                await model.speak(1, "item_2", "resp_2")
                assert (await talk.until("output_audio_buffer.stopped"))["response_id"] == "resp_2"
                assert (await page.request.post(f"http://{api}{location}/hangup", headers=key)).status == 200
                await until(lambda: transceiver.calls() == [])
        await application.aclose()
    assert heard == pytest.approx(position, abs=0.02)
    assert 0.5 < position < 2.0
