"""HTTP on a plain socket: requests as no client would send them."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from rtcsplit.wire.address import Address

__all__ = ["sent", "status"]


async def sent(address: Address, head: str, body: bytes = b"", repeat: bytes = b"", pause: float = 0.0) -> bytes:
    """Send ``head`` and ``body``, then ``repeat`` for as long as nobody answers; return the answer.

    On a plain socket: a server that closes while we send resets the connection, after its answer.
    """
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, (address.host, address.port))

        async def keep_sending() -> None:
            with contextlib.suppress(ConnectionError):
                await loop.sock_sendall(client, head.encode() + b"\r\n" + body)
                while repeat:
                    await loop.sock_sendall(client, repeat)
                    await asyncio.sleep(pause)

        sender = asyncio.create_task(keep_sending())
        answer = b""
        try:
            with contextlib.suppress(ConnectionError):
                while data := await loop.sock_recv(client, 65_536):
                    answer += data
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
