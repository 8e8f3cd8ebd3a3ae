"""``benchmarks/native/echo.c``: calls that rtcsplit has set up, echoed by a plain loop in C."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rtcsplit.gateway.echo import Echo
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from .load import cipher
from .serving import serve

__all__ = ["serve_c_echo"]

_LIBRARY = Path(__file__).parents[2] / "build" / "bench" / "echo.so"
_ENTRY = 48  # octets at most of a table entry


class _Session(ctypes.Structure):
    _fields_ = (
        ("outbound", ctypes.c_void_p),
        ("inbound", ctypes.c_void_p),
        ("ssrc", ctypes.c_uint32),
        ("sequence_number", ctypes.c_uint16),
    )


class _Witness(Echo):
    """Counts the calls that have their keys."""

    def __init__(self) -> None:
        self.connected = asyncio.Semaphore(0)

    def call_connected(self, call: Call) -> None:
        self.connected.release()


class CEcho:
    """The loop, in a thread of its own, which holds no lock of Python's.

    Args:
        fd: the socket, nobody else's to receive from.
        calls: connected; their keys are the loop's from now on.
        gather: longest pause between two batches, seconds.
    """

    def __init__(self, fd: int, calls: Sequence[Call], gather: float) -> None:
        self._library = ctypes.CDLL(str(_LIBRARY))
        self._library.echo_size.restype = ctypes.c_size_t
        self._memory = ctypes.create_string_buffer(self._library.echo_size())
        capacity = 64
        while capacity < 2 * len(calls):
            capacity *= 2
        self._calls = calls
        self._entries = ctypes.create_string_buffer(_ENTRY * capacity)
        sessions, ports, ips = [], [], b""
        for index, call in enumerate(calls):
            assert call.session.srtp is not None
            assert call.path is not None
            contexts = call.session.srtp.contexts
            sessions.append(_Session(contexts.outbound_address, contexts.inbound_address, 0x10000 + index, 0))
            ports.append(call.path.client.port)
            ips += call.path.client.ip
        self._sessions = (_Session * len(calls))(*sessions)
        status = self._library.echo_init(
            self._memory,
            *(ctypes.c_void_p(cipher(name)) for name in ("srtp_protect", "srtp_unprotect")),
            fd,
            ctypes.c_double(gather),
            self._sessions,
            ips,
            (ctypes.c_uint16 * len(calls))(*ports),
            len(calls),
            self._entries,
            capacity,
        )
        assert status == 0
        threading.Thread(target=self._library.echo_run, args=(self._memory,), daemon=True).start()


async def serve_c_echo(connection: Connection) -> None:
    """Set calls up as rtcsplit does, and hand them all to the loop when the first is to speak."""
    settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
    echoes: list[CEcho] = []
    application = _Witness()
    async with Transceiver(settings, application=application) as transceiver:

        async def accept(offer: bytes) -> str:
            return (await transceiver.accept(offer)).answer

        async def begin() -> None:
            for _ in transceiver.calls():
                await application.connected.acquire()
            anything: Any = transceiver
            anything._reader.stop()
            echoes.append(CEcho(anything._socket.fileno(), transceiver.calls(), settings.gather))

        await serve(connection, accept, begin=begin)
