"""Many calls, and a backend that dies and comes back.

clients ==WebRTC== transceiver with a WebSocket backend ==one WebSocket per call== backend
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest
from websockets.asyncio.server import serve

from rtcsplit.gateway import backend_link
from tests.backends import Script, gateway, until
from tests.processes import free_port
from tests.voice_calls import encoded, speech

CALLS = 20
RESTARTS = 3


def open_files() -> int:
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))


async def test_calls_survive_a_backend_that_restarts_and_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call comes back by its id each time; afterwards there are as many tasks and descriptors as before."""
    monkeypatch.setattr(backend_link, "_FIRST_DELAY", 0.05)
    port = free_port(socket.SOCK_STREAM)
    tasks, files = len(asyncio.all_tasks()), open_files()
    async with gateway(f"ws://127.0.0.1:{port}", reconnect_attempts=50) as dialler:
        async with contextlib.AsyncExitStack() as running:
            script = Script()
            await running.enter_async_context(serve(script, "127.0.0.1", port, compression=None))
            clients = [await dialler.dial() for _ in range(CALLS)]
            await until(lambda: len(script.of_type("call.started")) == CALLS)
            calls = {event["call_id"] for event in script.of_type("call.started")}
        for _ in range(RESTARTS):
            again = Script()
            async with serve(again, "127.0.0.1", port, compression=None):
                await until(lambda again=again: len(again.of_type("call.started")) == CALLS, 10.0)
                started = again.of_type("call.started")
                assert {event["call_id"] for event in started} == calls
                assert all(event["resumed"] for event in started)
                await asyncio.gather(*(client.speak(encoded(speech())[:10]) for client in clients))
                await until(lambda again=again: len(again.audio) > CALLS * 5)
        assert len(dialler.transceiver.calls()) == CALLS
        await asyncio.gather(*(client.hang_up(dialler.http) for client in clients))
        await until(lambda: not dialler.voice.sessions())
    await until(lambda: len(asyncio.all_tasks()) <= tasks + 1)  # the one that waits here
    assert open_files() <= files
