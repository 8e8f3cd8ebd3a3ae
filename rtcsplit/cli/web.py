"""HTTP servers in our own event loop: uvicorn, on sockets that we bind, with signals that are ours.

Binding first makes a port in use an error of the configuration, before anything runs. A client that sends the head
of its request slowly, or without end, is cut off here (checklist I9); bodies are the application's to limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..wire.address import Address
from .listener import listen

__all__ = ["Protocol", "Server", "new_server", "serving"]

_MAX_HEAD_OCTETS = 8192  # of an unfinished head: request line and headers together
_MAX_EVENT = 1 << 20  # octets of one WebSocket message
_MAX_QUEUED_EVENTS = 8
_MAX_CONNECTIONS = 4096
_SHUTDOWN_SECONDS = 5


class Protocol(H11Protocol):
    """A connection that is closed where the head of a request takes too long.

    Args:
        head_seconds: how long it may take.
        arguments: uvicorn's.
    """

    def __init__(self, head_seconds: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._head_seconds = head_seconds
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The head of the first request is awaited from here on."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Something of a request came: its head is complete, or awaited as before."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        super().connection_lost(exc)
        self._stop_watch()

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_watch()
        elif self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(self._head_seconds, self.transport.abort)

    def _stop_watch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """A server that leaves signals alone and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: signals are the process's own."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, and say so."""
        await super().startup(sockets)
        self.is_listening.set()


@contextlib.asynccontextmanager
async def serving(
    key: str,
    address: Address,
    application: ASGIApp,
    *,
    head_seconds: float = 10.0,
    listener: socket.socket | None = None,
) -> AsyncIterator[Address]:
    """Serve ``application`` on ``address`` until the block ends; the value is the bound address.

    Args:
        key: the setting that holds the address, for the error.
        address: where; port 0 lets the kernel choose.
        application: what is served.
        head_seconds: how long the head of a request may take.
        listener: listens already, instead of a socket bound here; closed at the end.

    Raises:
        ConfigurationError: the address cannot be bound; nothing was started.
    """
    listener = listener or listen(key, address)
    bound = Address.of(*listener.getsockname()[:2])
    server = new_server(application, head_seconds)
    task = asyncio.create_task(server.serve([listener]))
    try:
        await server.is_listening.wait()
        yield bound
    finally:
        server.should_exit = True
        await task
        listener.close()


def new_server(application: ASGIApp, head_seconds: float) -> Server:
    """Return a server that is not started yet."""
    return Server(_uvicorn_config(application, head_seconds))


def _uvicorn_config(application: ASGIApp, head_seconds: float) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=functools.partial(Protocol, head_seconds),  # type: ignore[arg-type]  # called like the class
        ws="auto",  # with the extra gateway; without it an upgrade is an ordinary request
        ws_max_size=_MAX_EVENT,
        ws_max_queue=_MAX_QUEUED_EVENTS,
        ws_per_message_deflate=False,  # a small message may not become a large one
        loop="none",
        lifespan="auto",
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=_MAX_HEAD_OCTETS,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
