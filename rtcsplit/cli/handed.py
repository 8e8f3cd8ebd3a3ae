"""HTTP on connections that another process has accepted and begun to read: one request each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .web import Protocol, new_server

__all__ = ["serving_handed"]

log = logging.getLogger(__name__)

_HEAD_SECONDS = 10.0


class _Handed(Protocol):
    """A connection whose first octets are known already."""

    head = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.data_received(self.head)  # before the loop can read what comes next


@contextlib.asynccontextmanager
async def serving_handed(application: ASGIApp) -> AsyncIterator[Callable[[socket.socket, bytes], None]]:
    """Serve ``application`` until the block ends; the value takes a connection and what was read of it."""
    server = new_server(_closing(application), _HEAD_SECONDS)
    task = asyncio.create_task(server.serve([]))
    connecting: set[asyncio.Task[None]] = set()

    def protocol(head: bytes) -> _Handed:
        made = _Handed(
            _HEAD_SECONDS, config=server.config, server_state=server.server_state, app_state=server.lifespan.state
        )
        made.head = head
        return made

    async def connect(connection: socket.socket, head: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: protocol(head), connection)
        except OSError:  # it is gone already
            connection.close()

    def take(connection: socket.socket, head: bytes) -> None:
        started = asyncio.create_task(connect(connection, head))
        connecting.add(started)
        started.add_done_callback(connecting.discard)

    try:
        await server.is_listening.wait()
        yield take
    finally:
        server.should_exit = True
        await task


def _closing(application: ASGIApp) -> ASGIApp:
    """Have each connection close after its response: the next request may be another worker's."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await application(scope, receive, send_closing if scope["type"] == "http" else send)

    return serve
