"""Calls that a backend answers over our WebSocket protocol: real sockets, a real call each."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import logging
import socket
from array import array
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from rtcsplit.errors import ConfigurationError
from rtcsplit.gateway import backend_link
from rtcsplit.gateway.backend_settings import BackendSettings
from tests.backends import GIBIOCTET, Script, backend, gateway, until
from tests.interop.lean_client import LeanClient
from tests.processes import free_port
from tests.voice_calls import encoded, speech

RATE = 24_000
SECOND_OF_TONE = array("h", [8_000 if index // 30 % 2 else -8_000 for index in range(RATE)]).tobytes()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_link, "_FIRST_DELAY", 0.01)


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.reason for record in caplog.records if record.message == "backend_failed"]  # type: ignore[attr-defined]


async def hear(client: LeanClient, packets: int = 25) -> None:
    await client.until_returned(packets, 5.0)
    assert len(client.returned) >= packets


async def test_what_the_backend_sends_back_is_heard() -> None:
    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            if isinstance(message, bytes):
                await socket.send(message)

    async with backend(echo) as url, gateway(url) as dialler:
        client = await dialler.dial()
        await client.speak(encoded(speech())[:50])
        await hear(client)


async def test_backend_gets_the_call_its_audio_and_its_end() -> None:
    script = Script()
    async with backend(script) as url, gateway(url, token="secret") as dialler:
        client = await dialler.dial()
        (call,) = dialler.transceiver.calls()
        await client.speak(encoded(speech())[:25])
        await until(lambda: sum(map(len, script.audio)) >= 2 * RATE * 20 // 50)
        await client.hang_up(dialler.http)
        assert (await script.until("call.ended"))["cause"] == "closed"
        started = script.events[0]
    assert started == {
        "type": "call.started",
        "version": 1,
        "call_id": call.call_id,
        "audio_in": {"format": "pcm16", "sample_rate": RATE},
        "audio_out": {"format": "pcm16", "sample_rate": RATE},
        "resumed": False,
    }
    headers = script.sockets[0].request
    assert headers is not None
    assert headers.headers["Authorization"] == "Bearer secret"
    assert headers.headers["X-Rtcsplit-Call-Id"] == call.call_id


async def test_packets_come_as_the_client_sent_them() -> None:
    script = Script()
    payloads = encoded(speech())[:25]
    async with backend(script) as url, gateway(url, audio_in_rate=None) as dialler:
        client = await dialler.dial()
        await client.speak(payloads)
        await until(lambda: len(script.audio) >= 20)
    assert script.events[0]["audio_in"] == {"format": "opus", "sample_rate": 48_000}
    assert set(script.audio) - {b""} <= set(payloads)


async def test_packets_of_the_backend_leave_as_they_are() -> None:
    """Both ways without a codec: what came is sent back octet for octet, and silence after it."""
    came: list[bytes] = []

    async def repeat(socket: ServerConnection) -> None:
        started = json.loads(await socket.recv())
        assert started["audio_in"] == started["audio_out"] == {"format": "opus", "sample_rate": 48_000}
        for _ in range(40):
            await socket.send(b"")  # as for a frame that did not come: nothing
        while len(came) < 25:
            message = await socket.recv()
            if isinstance(message, bytes) and message:
                came.append(message)
        for packet in came:
            await socket.send(packet)
        await socket.send('{"type":"speech.end"}')
        await socket.wait_closed()

    async with backend(repeat) as url, gateway(url, audio_in_rate=None, audio_out_rate=None) as dialler:
        client = await dialler.dial()
        said = encoded(speech())[:30]
        await client.speak(said)
        await hear(client, 30)
        assert set(came) <= set(said)
        assert client.returned[:30] == [*came, *[b"\xf8\xff\xfe"] * 5]


async def test_segments_are_played_and_reported() -> None:
    script = Script()
    async with backend(script) as url, gateway(url) as dialler:
        client = await dialler.dial()
        await script.until("call.started")
        await script.say(type="speech.begin", segment="hello")
        await script.sockets[-1].send(SECOND_OF_TONE[: RATE // 2])
        await script.say(type="speech.end")
        assert (await script.until("speech.started"))["segment"] == "hello"
        finished = await script.until("speech.finished")
        await hear(client, 10)
    assert finished["interrupted"] is False
    assert finished["sent_seconds"] == pytest.approx(0.25, abs=0.02)


async def test_flush_cuts_off_and_tells_what_was_heard() -> None:
    script = Script()
    async with backend(script) as url, gateway(url) as dialler:
        await dialler.dial()
        await script.until("call.started")
        await script.sockets[-1].send(10 * SECOND_OF_TONE)
        await script.until("speech.started")
        await asyncio.sleep(0.3)
        await script.say(type="flush")
        finished = await script.until("speech.finished")
    assert finished["interrupted"] is True
    assert 0.0 < finished["heard_seconds"] < finished["sent_seconds"] < 2.0


@pytest.mark.parametrize("how", ["hangup", "close"])
async def test_backend_ends_the_call(how: str, caplog: pytest.LogCaptureFixture) -> None:
    script = Script()
    async with backend(script) as url, gateway(url) as dialler:
        await dialler.dial()
        await script.until("call.started")
        await (script.say(type="hangup") if how == "hangup" else script.sockets[-1].close())
        await dialler.until_calls(0)
        assert len(script.sockets) == 1
    assert failures(caplog) == []


async def test_backend_that_restarts_gets_its_call_back() -> None:
    script = Script()
    async with backend(script) as url, gateway(url) as dialler:
        client = await dialler.dial()
        await script.until("call.started")
        await script.sockets[-1].close(1012)
        assert (await script.until("call.started", 2))["resumed"] is True
        await script.sockets[-1].send(SECOND_OF_TONE)
        await hear(client, 10)


async def test_backend_that_is_gone_ends_its_calls(caplog: pytest.LogCaptureFixture) -> None:
    url = f"ws://127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    caplog.set_level(logging.INFO)
    async with gateway(url, reconnect_attempts=2) as dialler:
        await dialler.dial()
        await dialler.until_calls(0)
    assert failures(caplog) == ["unreachable"]
    names = {record.message: record.session for record in caplog.records if hasattr(record, "session")}
    assert names["backend_failed"] == names["session_ended"]


@pytest.mark.parametrize(
    ("status", "reason", "attempts"), [(401, "refused", 1), (302, "refused", 1), (503, "unreachable", 3)]
)
async def test_backend_that_refuses(status: int, reason: str, attempts: int, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is final, and a redirect is not followed; a server error is tried again."""
    seen = []

    def refuse(socket: ServerConnection, request: Request) -> Response:
        seen.append(request)
        response = socket.respond(http.HTTPStatus(status), "no")
        response.headers["Location"] = "/elsewhere"
        return response

    async with backend(Script(), process_request=refuse) as url, gateway(url, reconnect_attempts=2) as dialler:
        await dialler.dial()
        await dialler.until_calls(0)
    assert (failures(caplog), len(seen)) == ([reason], attempts)


HOSTILE = {
    "no JSON": ("hello", "event_invalid"),
    "no object": ("[]", "event_invalid"),
    "no type": ("{}", "event_invalid"),
    "unknown": ('{"type":"dance"}', "event_invalid"),
    "wrong member": ('{"type":"speech.begin","segment":7}', "event_invalid"),
    "long name": ('{"type":"speech.begin","segment":"' + "x" * 65 + '"}', "event_invalid"),
    "deep": ('{"type":"flush","x":' + "[" * 100_000 + "]" * 100_000 + "}", "event_invalid"),
    "odd audio": (b"\x00\x01\x02", "audio_invalid"),
}


@pytest.mark.parametrize(("message", "code"), HOSTILE.values(), ids=HOSTILE)
async def test_message_that_cannot_be_used_is_refused_and_the_call_goes_on(message: str | bytes, code: str) -> None:
    script = Script()
    async with backend(script) as url, gateway(url) as dialler:
        client = await dialler.dial()
        await script.until("call.started")
        await script.sockets[-1].send(message)
        assert (await script.until("error"))["code"] == code
        await script.sockets[-1].send(SECOND_OF_TONE)
        await hear(client, 10)


async def test_backend_that_does_not_read_loses_the_oldest_audio() -> None:
    """Some seconds wait, in the kernel and in our queue; then the oldest goes. The call stands."""
    release = asyncio.Event()

    async def stare(socket: ServerConnection) -> None:
        await release.wait()

    async with backend(stare, max_queue=1) as url, gateway(url, audio_in_rate=48_000) as dialler:
        client = await dialler.dial()
        (raw,) = dialler.voice.sessions()
        payloads = encoded(speech())
        for _ in range(20):
            await client.speak(payloads[:25])
            if raw.audio_in.seconds_dropped:
                break
        assert 0.0 < raw.audio_in.seconds_waiting < 2.1
        assert raw.audio_in.seconds_dropped > 0.0
        assert len(dialler.transceiver.calls()) == 1
        release.set()


@pytest.mark.parametrize("how", ["too long", "a gibioctet", "too often"])
async def test_backend_that_is_wrong_ends_its_own_call_only(how: str, caplog: pytest.LogCaptureFixture) -> None:
    script = Script()
    async with backend(script) as url, gateway(url) as dialler:
        other = await dialler.dial()
        await script.until("call.started")
        await dialler.dial()
        await script.until("call.started", 2)
        with contextlib.suppress(Exception):
            if how == "a gibioctet":
                script.sockets[1].transport.write(GIBIOCTET)
            for message in ["x" * (backend_link.MAX_MESSAGE + 1)] if how == "too long" else ["{}"] * 40:
                await script.sockets[1].send(message)
        await dialler.until_calls(1)
        await script.sockets[0].send(SECOND_OF_TONE)
        await hear(other, 10)
    assert failures(caplog) == ["violation"]


async def test_call_that_ends_while_the_backend_is_away_leaves_nothing() -> None:
    """The gateway keeps asking for it meanwhile; with the call that is over, and so is everything it had."""
    script = Script()
    attempts: list[asyncio.StreamWriter] = []

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.append(writer)
        writer.close()

    async with contextlib.AsyncExitStack() as running:
        url = await running.enter_async_context(backend(script))
        async with gateway(url, reconnect_attempts=100) as dialler:
            before = asyncio.all_tasks()
            client = await dialler.dial()
            await script.until("call.started")
            await running.aclose()
            async with await asyncio.start_server(refuse, "127.0.0.1", urlsplit(url).port):
                await until(lambda: len(attempts) >= 2)
                assert len(dialler.voice.sessions()) == len(dialler.transceiver.calls()) == 1
                await client.hang_up(dialler.http)
                await until(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= before)
            assert not dialler.voice.sessions()
            assert not dialler.transceiver.calls()


@pytest.mark.parametrize(
    "url", ["", "http://a", "ws://", "ws://user:word@a", "ws://a/#b", "ws://a:99999", "ws://a b", "wss://[::1"]
)
def test_url_that_is_none(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        BackendSettings(url)
    assert caught.value.key == "backend.url"


async def test_call_that_lasts_too_long_ends() -> None:
    script = Script()
    async with backend(script) as url, gateway(url, call_seconds=0.3) as dialler:
        await dialler.dial()
        assert (await script.until("call.ended"))["cause"] == "time_limit"
        await dialler.until_calls(0)
