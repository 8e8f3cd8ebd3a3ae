"""Calls that a Realtime WebSocket server answers: a real call by aiortc, and a scripted server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import aioice.ice
import httpx
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

from rtcsplit.errors import OverloadError
from rtcsplit.gateway import backend_link
from rtcsplit.gateway.backend_settings import BackendSettings
from rtcsplit.gateway.call_events import CallEvents
from rtcsplit.gateway.realtime_backend import RealtimeBackend
from rtcsplit.gateway.realtime_controller import EventsController
from rtcsplit.signaling.realtime import RealtimeSettings, realtime_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from tests.backends import GIBIOCTET, backend, until
from tests.realtime_model import RATE, Model

SESSION = {"type": "realtime", "model": "a-model", "instructions": "be brief"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_link, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


class Page:
    """What a page does with the browser SDK: an events channel, an offer, a microphone, a loudspeaker.

    Attributes:
        events: from the channel, in order.
        loud: seconds of sound that were heard.
    """

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.events: list[dict[str, Any]] = []
        self.loud = 0.0
        self._channel = self.connection.createDataChannel("oai-events")
        self._channel.on("message", lambda text: self.events.append(json.loads(text)))
        self._listening: asyncio.Task[None] | None = None

    async def call(self, http: httpx.AsyncClient) -> None:
        self.connection.addTrack(AudioStreamTrack())
        self.connection.on("track", self._listen)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        form = {"sdp": (None, self.connection.localDescription.sdp), "session": (None, json.dumps(SESSION))}
        response = await http.post("/v1/realtime/calls", files=form)
        assert response.status_code == 201, response.text
        await self.connection.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        await until(lambda: self._channel.readyState == "open")

    def send(self, kind: str, **members: Any) -> None:
        self._channel.send(json.dumps({"type": kind, **members}))

    def send_text(self, text: str | bytes) -> None:
        self._channel.send(text)

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == name]

    async def until(self, name: str, count: int = 1) -> dict[str, Any]:
        await until(lambda: len(self.of_type(name)) >= count)
        return self.of_type(name)[-1]

    async def close(self) -> None:
        await self.connection.close()
        if self._listening is not None:
            await self._listening

    def _listen(self, track: MediaStreamTrack) -> None:
        async def listen() -> None:
            with contextlib.suppress(MediaStreamError):
                while True:
                    frame = await track.recv()
                    samples = frame.to_ndarray()[0].astype(float)  # type: ignore[union-attr]
                    blocks = samples[: len(samples) // 192 * 192].reshape(-1, 192)
                    self.loud += 192 / 2 / 48_000 * int((np.abs(blocks).mean(axis=1) > 1_500).sum())

        self._listening = asyncio.ensure_future(listen())


@contextlib.asynccontextmanager
async def calling(
    url: str, application: RealtimeBackend | None = None, **settings: Any
) -> AsyncIterator[tuple[Callable[[], Any], Transceiver]]:
    application = application or RealtimeBackend(BackendSettings(url, **settings))
    pages: list[Page] = []
    where = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
    async with Transceiver(where, application=application) as transceiver:
        door = realtime_application(transceiver, RealtimeSettings(allow_anonymous=True), application)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://calls.test") as http:

            async def dial() -> Page:
                page = Page()
                pages.append(page)
                await page.call(http)
                return page

            try:
                yield dial, transceiver
            finally:
                for page in pages:
                    await page.close()
    await application.aclose()


async def test_events_pass_both_ways_and_audio_goes_by_rtp() -> None:
    model = Model()
    async with backend(model) as url, calling(url, token="key") as (dial, _):
        page = await dial()
        first = await model.until("session.update")
        assert first["session"] == {"type": "realtime", "instructions": "be brief"}
        await page.until("session.created")
        page.send("session.update", session={"type": "realtime", "voice": "a"})
        assert (await page.until("session.updated", 2))["session"] == {"type": "realtime", "voice": "a"}
        await until(lambda: len(model.heard()) >= RATE)
        await model.say(type="response.created", response={"id": "resp_1"})
        await model.speak(1)
        assert (await page.until("output_audio_buffer.started"))["response_id"] == "resp_1"
        assert (await page.until("output_audio_buffer.stopped"))["response_id"] == "resp_1"
        kinds = [event["type"] for event in page.events]
        assert "response.output_audio.delta" not in kinds
        assert kinds.index("response.output_audio.done") < kinds.index("output_audio_buffer.stopped")
        assert model.sockets[0].request.headers["Authorization"] == "Bearer key"  # type: ignore[union-attr]
        assert page.loud == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("how", ["speech", "clear"])
async def test_barge_in_tells_each_side_what_it_has_to_know(how: str) -> None:
    """The position is what was heard, measured at the listener; later audio of the item is not played."""
    model = Model()
    async with backend(model) as url, calling(url) as (dial, _):
        page = await dial()
        await page.until("session.created")
        await model.speak(5, ends=False)
        await page.until("output_audio_buffer.started")
        await until(lambda: page.loud > 0.5)
        if how == "speech":
            await model.say(type="input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_0")
        else:
            page.send("output_audio_buffer.clear")
        truncated = await model.until("conversation.item.truncate")
        assert (await page.until("output_audio_buffer.cleared"))["response_id"] == "resp_1"
        await model.speak(1)
        await asyncio.sleep(0.5)
        assert (truncated["item_id"], truncated["content_index"]) == ("item_1", 0)
        assert page.loud == pytest.approx(truncated["audio_end_ms"] / 1000, abs=0.1)
        assert page.of_type("output_audio_buffer.stopped") == []
        await model.speak(1, "item_2", "resp_2")
        assert (await page.until("output_audio_buffer.stopped"))["response_id"] == "resp_2"
        assert len(model.of_type("conversation.item.truncate")) == 1


async def test_audio_format_is_not_the_clients_to_say() -> None:
    """Between gateway and backend it is PCM: a client that asks for another would make noise of its call."""
    model = Model()
    async with backend(model) as url, calling(url) as (dial, _):
        page = await dial()
        await page.until("session.created")
        audio = {"input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}, "output": "nonsense"}
        session = {"type": "realtime", "model": "another", "input_audio_format": "g711_ulaw", "audio": audio}
        page.send("session.update", event_id="event_7", session=session)
        told = await model.until("session.update", 2)
        expected = {"type": "realtime", "audio": {"input": {"turn_detection": None}, "output": "nonsense"}}
        assert told == {"type": "session.update", "event_id": "event_7", "session": expected}
        page.send("session.update", session=7)
        assert (await model.until("session.update", 3))["session"] == 7, "the backend's to refuse"


async def test_session_that_does_not_let_itself_be_interrupted() -> None:
    model = Model()
    async with backend(model) as url, calling(url) as (dial, _):
        page = await dial()
        await page.until("session.created")
        detection = {"type": "server_vad", "interrupt_response": False}
        await model.say(type="session.updated", session={"audio": {"input": {"turn_detection": detection}}})
        await model.speak(1)
        await page.until("output_audio_buffer.started")
        await model.say(type="input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_0")
        await page.until("output_audio_buffer.stopped")
        assert page.of_type("output_audio_buffer.cleared") == []


@pytest.mark.parametrize("text", ["hello", "[]", "{}", '{"type":7}', b'{"type":"response.create"}', "[" * 50_000])
async def test_client_that_says_nonsense_gets_an_error(text: str | bytes) -> None:
    model = Model()
    async with backend(model) as url, calling(url) as (dial, _):
        page = await dial()
        page.send_text(text)
        error = (await page.until("error"))["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_event")
        page.send("response.create")
        await model.until("response.create")


NONSENSE = [
    "hello",
    "[]",
    b"{}",
    '{"type":"response.output_audio.delta"}',
    '{"type":"response.output_audio.delta","item_id":"a","response_id":"b","delta":"?"}',
    '{"type":"response.output_audio.delta","item_id":"a","response_id":"b","delta":"AAAA"}',
]


@pytest.mark.parametrize("often", [1, 40], ids=["once", "often"])
async def test_backend_that_says_nonsense(often: int) -> None:
    """A little of it is passed over; much of it ends the call, and the client is told why."""
    model = Model()
    async with backend(model) as url, calling(url) as (dial, transceiver):
        page = await dial()
        await page.until("session.created")
        with contextlib.suppress(Exception):
            for _ in range(often):
                for message in NONSENSE:
                    await model.sockets[-1].send(message)
        if often > 1:
            assert (await page.until("error"))["error"]["code"] == "backend_violation"
            await until(lambda: transceiver.calls() == [])
        else:
            await model.speak(1)
            await page.until("output_audio_buffer.stopped")


async def test_event_of_a_gibioctet_ends_its_own_call_alone() -> None:
    """It is refused by the length that it announces; nothing of it is kept."""
    model = Model()
    async with backend(model) as url, calling(url) as (dial, transceiver):
        other = await dial()
        await other.until("session.created")
        page = await dial()
        await page.until("session.created")
        model.sockets[-1].transport.write(GIBIOCTET)
        assert (await page.until("error"))["error"]["code"] == "backend_violation"
        await until(lambda: len(transceiver.calls()) == 1)
        other.send("response.create")
        await model.until("response.create")


async def test_backend_that_restarts_is_told_the_session_again() -> None:
    model = Model()
    async with backend(model) as url, calling(url) as (dial, _):
        page = await dial()
        await model.until("session.update")
        page.send("session.update", session={"type": "realtime", "voice": "a"})
        await model.until("session.update", 2)
        await model.sockets[-1].close(1012)
        again = await model.until("session.update", 3)
        assert again["session"] == {"type": "realtime", "instructions": "be brief", "voice": "a"}
        await model.speak(1)
        await page.until("output_audio_buffer.stopped")


async def test_backend_that_restarts_is_given_the_conversation() -> None:
    """What was said comes back as text, in order; the client hears of it once, and of nothing that it knew."""
    model = Model()
    async with backend(model) as url, calling(url) as (dial, _):
        page = await dial()
        await model.until("session.update")
        asked = {"id": "item_a", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        await model.say(type="conversation.item.added", previous_item_id=None, item=asked)
        await model.say(
            type="conversation.item.input_audio_transcription.completed",
            item_id="item_a",
            content_index=0,
            transcript="what time is it?",
        )
        for item_id, words in (("item_b", "Noon."), ("item_c", "Or nearly")):
            said = {"type": "output_audio", "transcript": words}
            item = {"id": item_id, "type": "message", "role": "assistant", "content": [said]}
            await model.say(type="conversation.item.done", previous_item_id="item_a", item=item)
        await model.speak(3, "item_c", ends=False)
        await page.until("output_audio_buffer.started")
        page.send("output_audio_buffer.clear")
        await model.until("conversation.item.truncate")
        await model.sockets[-1].close(1012)
        await model.until("conversation.item.create", 2)
        items = [event["item"] for event in model.of_type("conversation.item.create")]
        assert [(item["id"], item["role"], item["content"]) for item in items] == [
            ("item_a", "user", [{"type": "input_text", "text": "what time is it?"}]),
            ("item_b", "assistant", [{"type": "output_text", "text": "Noon."}]),
        ]
        told = await page.until("gateway.conversation.restored")
        assert (told["item_ids"], told["missing_item_ids"]) == (["item_a", "item_b"], ["item_c"])
        await model.say(type="conversation.item.added", previous_item_id=None, item=items[0])
        new = {"id": "item_d", "type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]}
        await model.say(type="conversation.item.added", previous_item_id="item_b", item=new)
        await until(lambda: page.of_type("conversation.item.added")[-1]["item"]["id"] == "item_d")
        assert len(page.of_type("conversation.item.added")) == 2


async def test_backend_that_is_gone_is_told_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with calling("ws://127.0.0.1:9", reconnect_attempts=4) as (dial, transceiver):
        page = await dial()
        assert (await page.until("error"))["error"]["code"] == "backend_unreachable"
        await until(lambda: transceiver.calls() == [])
    names = {record.message: record.session for record in caplog.records if hasattr(record, "session")}
    assert names["backend_failed"] == names["session_ended"]


async def next_event(controller: EventsController, kind: str) -> dict[str, Any]:
    """The next event of that type that a controller is told."""
    while True:
        text = await asyncio.wait_for(controller.receive(), 5.0)
        assert text is not None
        event: dict[str, Any] = json.loads(text)
        if event["type"] == kind:
            return event


async def test_controller_follows_and_steers_beside_the_client() -> None:
    """It is told the session, hears what the client hears of events, may say all that the client may."""
    model = Model()
    async with backend(model) as url:
        application = RealtimeBackend(BackendSettings(url))
        async with calling(url, application) as (dial, transceiver):
            page = await dial()
            await page.until("session.created")
            await page.until("session.updated")
            [call] = transceiver.calls()
            controller = application.join(call.call_id)
            assert controller is not None
            assert (await next_event(controller, "session.created"))["session"]["instructions"] == "be brief"
            controller.put('{"type":"session.update","session":{"tools":[]}}')
            assert (await next_event(controller, "session.updated"))["session"] == {"tools": []}
            await page.until("session.updated", 2)
            controller.put("nonsense")
            assert (await next_event(controller, "error"))["error"]["code"] == "invalid_event"
            await model.speak(5, ends=False)
            assert (await next_event(controller, "output_audio_buffer.started"))["response_id"] == "resp_1"
            controller.put('{"type":"output_audio_buffer.clear"}')
            await next_event(controller, "output_audio_buffer.cleared")
            await page.until("output_audio_buffer.cleared")
            await model.until("conversation.item.truncate")
            assert page.of_type("error") == []
            call.close()
            assert await asyncio.wait_for(controller.receive(), 5.0) is None
            assert application.join(call.call_id) is None


async def test_call_takes_four_controllers() -> None:
    events = CallEvents({})
    controllers = [events.join() for _ in range(4)]
    with pytest.raises(OverloadError):
        events.join()
    controllers[0].leave()
    events.join()


async def test_events_that_the_backend_does_not_take_are_refused() -> None:
    events = CallEvents({})
    controller = events.join()
    for _ in range(257):
        controller.put("{}")
    refused = await next_event(controller, "error")
    assert (refused["error"]["type"], refused["error"]["code"]) == ("rate_limit_error", "too_many_events")
    assert [await events.receive() for _ in range(256)] == [(controller, "{}")] * 256


async def test_call_that_lasts_too_long_ends_with_an_event() -> None:
    model = Model()
    async with backend(model) as url, calling(url, call_seconds=0.5) as (dial, transceiver):
        page = await dial()
        error = (await page.until("error"))["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "session_expired")
        await until(lambda: transceiver.calls() == [])
