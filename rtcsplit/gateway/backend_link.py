"""One call's WebSocket to its backend: connects, tells the ways to fail apart, connects again.

A connection that breaks is made anew as long as that may help: the backend restarts, or the network is away for a
moment. A backend that refuses, or that breaks the protocol, would do so again. A close with status 1000 means that the
backend is done with the call.
"""

from __future__ import annotations

import asyncio
import random
import socket as sockets
from collections.abc import Awaitable, Callable, Mapping

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.frames import CloseCode

from .._version import __version__
from .backend_settings import BackendSettings
from .refusal import BackendError, Refusal

__all__ = ["BackendLink", "Complaints"]

Talk = Callable[[ClientConnection, bool], Awaitable[None]]

MAX_MESSAGE = 1 << 20  # octets; 20 s of PCM16 at 24 kHz
MAX_REFUSALS = 32  # of one connection
_PING_INTERVAL = 10.0
_PING_TIMEOUT = 10.0
_CLOSE_TIMEOUT = 1.0
_WRITE_LIMIT = 32_768  # octets that a slow backend may have us hold below our own bounded queues
_QUEUED_MESSAGES = 16
_SEND_BUFFER = 65_536  # octets in the kernel, which would otherwise hold half a minute of audio for a slow backend
_STABLE = 5.0  # seconds after which a connection counts as a success
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 2.0
_OUR_COMPLAINTS = frozenset({1002, 1003, 1007, 1008, 1009})


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Go nowhere else: the token is for the configured backend."""
        return exc


class Complaints:
    """Refuses messages of one connection, until it is enough.

    Args:
        send: sends a text message.
        render: makes the message of a refusal.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]], render: Callable[[Refusal], str]) -> None:
        self._send = send
        self._render = render
        self._count = 0

    async def refuse(self, refusal: Refusal) -> None:
        """Tell the backend.

        Raises:
            BackendError: it was told often enough.
        """
        self._count += 1
        if self._count > MAX_REFUSALS:
            raise BackendError("violation", f"{MAX_REFUSALS} messages could not be used; the last: {refusal.code}")
        await self._send(self._render(refusal))


class BackendLink:
    """Connections of one call, one at a time.

    Args:
        settings: where, and how often.
        headers: more headers of the handshake.
        is_over: whether the call has ended, so that no further connection is worth making.
        max_message: octets.
    """

    def __init__(
        self,
        settings: BackendSettings,
        headers: Mapping[str, str],
        is_over: Callable[[], bool],
        *,
        max_message: int = MAX_MESSAGE,
    ) -> None:
        self._settings = settings
        self._max_message = max_message
        self._is_over = is_over
        self._headers = dict(headers)
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token}"

    async def run(self, talk: Talk) -> None:
        """Have ``talk`` use a connection, and another one whenever that breaks, until it returns or the call is over.

        Args:
            talk: called with the connection, and whether there was one before.

        Raises:
            BackendError: the backend cannot be reached, refuses, or breaks the protocol.
        """
        loop = asyncio.get_running_loop()
        failures, was_connected = 0, False
        while not self._is_over():
            connected_at: float | None = None
            try:
                async with self._connect() as socket:
                    connected_at = loop.time()
                    raw: sockets.socket = socket.transport.get_extra_info("socket")
                    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, _SEND_BUFFER)
                    await self._talk(talk, socket, was_connected)
                    return
            except ConnectionClosed as closed:
                if _is_done(closed):
                    return
                reason = _reason(closed)
            except (OSError, WebSocketException, asyncio.TimeoutError) as error:
                reason = _retried(error)
            if connected_at is not None:
                was_connected = True
                failures = 0 if loop.time() - connected_at >= _STABLE else failures
            failures += 1
            if failures > self._settings.reconnect_attempts:
                raise BackendError("unreachable", reason)
            await asyncio.sleep(min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY) * random.uniform(0.75, 1.25))

    def _connect(self) -> _Connect:
        return _Connect(
            self._settings.url,
            additional_headers=self._headers,
            user_agent_header=f"rtcsplit/{__version__}",
            open_timeout=self._settings.connect_seconds,
            ping_interval=_PING_INTERVAL,
            ping_timeout=_PING_TIMEOUT,
            close_timeout=_CLOSE_TIMEOUT,
            compression=None,
            proxy=None,
            max_size=self._max_message,
            max_queue=_QUEUED_MESSAGES,
            write_limit=_WRITE_LIMIT,
        )

    async def _talk(self, talk: Talk, socket: ClientConnection, was_connected: bool) -> None:
        try:
            await talk(socket, was_connected)
        except BackendError as error:
            await socket.close(CloseCode.POLICY_VIOLATION, error.code)
            raise


def _is_done(closed: ConnectionClosed) -> bool:
    """Whether the backend hung up.

    Raises:
        BackendError: we closed, because it sent what no WebSocket peer may send.
    """
    if closed.sent is not None and closed.sent.code in _OUR_COMPLAINTS and not closed.rcvd_then_sent:
        raise BackendError("violation", f"a message that cannot be taken: {closed.sent.code} {closed.sent.reason}")
    return closed.rcvd is not None and closed.rcvd.code == CloseCode.NORMAL_CLOSURE


def _reason(closed: ConnectionClosed) -> str:
    if closed.rcvd is None:
        return "the connection was lost"
    return f"the backend closed with {int(closed.rcvd.code)}"


def _retried(error: Exception) -> str:
    """Return why a connection was not made, where trying again may help.

    Raises:
        BackendError: it would not.
    """
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status < 500 and status not in (408, 425, 429):
            raise BackendError("refused", f"the backend refused the WebSocket with status {status}") from None
        return f"the backend answered with status {status}"
    if isinstance(error, InvalidHandshake) and error.__cause__ is None:
        raise BackendError("refused", f"the backend does not speak WebSocket: {type(error).__name__}") from None
    return f"{type(error).__name__}: {error}"
