"""Backends to test a gateway with, and calls through a transceiver in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from websockets.asyncio.server import ServerConnection, serve

from rtcsplit.gateway.backend_settings import BackendSettings
from rtcsplit.gateway.voice import VoiceApplication
from rtcsplit.gateway.websocket_backend import websocket_backend
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from tests.interop.lean_client import LeanClient

__all__ = ["GIBIOCTET", "Dialler", "Script", "backend", "gateway", "until"]

GIBIOCTET = b"\x81\x7f" + (1 << 30).to_bytes(8, "big")  # head of a text message of that length (RFC 6455 section 5.2)
Serve = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def backend(call: Serve, **options: Any) -> AsyncIterator[str]:
    """A WebSocket server that runs ``call`` for each connection; the value is its URL."""
    async with serve(call, "127.0.0.1", 0, compression=None, close_timeout=0.5, **options) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/calls"


class Dialler:
    """Calls to a transceiver in this process, by WHIP."""

    def __init__(self, transceiver: Transceiver, voice: VoiceApplication, http: httpx.AsyncClient) -> None:
        self.transceiver = transceiver
        self.voice = voice
        self.http = http
        self._sockets = contextlib.ExitStack()

    async def dial(self) -> LeanClient:
        client = self._sockets.enter_context(LeanClient())
        await client.connect(self.http, "http://calls.test/whip")
        await until(lambda: all(call.session.srtp is not None for call in self.transceiver.calls()))
        return client

    async def until_calls(self, count: int) -> None:
        await until(lambda: len(self.transceiver.calls()) == count)

    def close(self) -> None:
        self._sockets.close()


@contextlib.asynccontextmanager
async def gateway(
    url: str, application: Callable[[BackendSettings], VoiceApplication] = websocket_backend, **settings: Any
) -> AsyncIterator[Dialler]:
    """A transceiver whose calls are brought to the backend at ``url``."""
    voice = application(BackendSettings(url, **settings))
    where = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
    async with Transceiver(where, application=voice) as transceiver:
        whip = whip_application(transceiver, WhipSettings(allow_anonymous=True))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(whip), base_url="http://calls.test") as http:
            dialler = Dialler(transceiver, voice, http)
            try:
                yield dialler
            finally:
                dialler.close()
    await voice.aclose()


async def until(condition: Callable[[], bool], limit: float = 5.0) -> None:
    """Return as soon as ``condition`` holds."""

    async def hold() -> None:
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    await asyncio.wait_for(hold(), limit)


class Script:
    """A backend that keeps what it hears, and that a test drives.

    Attributes:
        events: of all connections, in order.
        audio: binary messages of all connections.
        sockets: every connection that was made.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.audio: list[bytes] = []
        self.sockets: list[ServerConnection] = []

    async def __call__(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        async for message in socket:
            if isinstance(message, bytes):
                self.audio.append(message)
            else:
                self.events.append(json.loads(message))

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == name]

    async def until(self, name: str, count: int = 1) -> dict[str, Any]:
        await until(lambda: len(self.of_type(name)) >= count)
        return self.of_type(name)[-1]

    async def say(self, **event: Any) -> None:
        await self.sockets[-1].send(json.dumps(event))
