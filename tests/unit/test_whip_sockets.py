"""WHIP over real connections: bodies that are slow, endless, shorter or longer than announced."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from rtcsplit.cli.web import serving
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.wire.address import Address
from tests.acceptor import MemoryAcceptor
from tests.offers import stored
from tests.plain_http import sent, status

DEADLINE = 0.3
HEAD = "POST /whip HTTP/1.1\r\nHost: calls.test\r\nContent-Type: application/sdp\r\n"
TOKEN = "Authorization: Bearer alice\r\n"


@contextlib.asynccontextmanager
async def server(deadline: float = DEADLINE) -> AsyncIterator[tuple[MemoryAcceptor, Address]]:
    acceptor = MemoryAcceptor()
    application = whip_application(acceptor, WhipSettings(tokens=("alice",), body_deadline=deadline))
    async with serving("listen", Address.of("127.0.0.1", 0), application) as address:
        yield acceptor, address


async def test_call_over_a_real_connection() -> None:
    """Rows I1, I5."""
    async with server() as (acceptor, address), httpx.AsyncClient(base_url=f"http://{address}") as http:
        headers = {"Content-Type": "application/sdp", "Authorization": "Bearer alice"}
        response = await http.post("/whip", content=stored("chromium_audio"), headers=headers)
        assert response.status_code == 201
        assert len(acceptor.calls) == 1
        response = await http.delete(response.headers["location"], headers=headers)
        assert response.status_code == 200
        assert acceptor.calls == {}


@pytest.mark.parametrize(
    ("framing", "repeat"),
    [("Content-Length: 60000\r\n", b"v"), ("Transfer-Encoding: chunked\r\n", b"1\r\nv\r\n")],
    ids=["announced", "chunked"],
)
async def test_body_that_trickles_is_ended_by_the_deadline(framing: str, repeat: bytes) -> None:
    """Row I9: octets that keep coming do not renew it."""
    async with server() as (acceptor, address):
        started = asyncio.get_running_loop().time()
        answer = await sent(address, HEAD + TOKEN + framing, repeat=repeat, pause=DEADLINE / 20)
        assert status(answer) == 408
        assert asyncio.get_running_loop().time() - started >= DEADLINE
        assert acceptor.offers == []


async def test_body_that_never_comes_is_ended_by_the_deadline() -> None:
    """Row I9."""
    async with server() as (_, address):
        assert status(await sent(address, HEAD + TOKEN + "Content-Length: 100\r\n")) == 408


async def test_endless_chunked_body_ends_at_the_limit() -> None:
    """Row I9: long before the deadline."""
    async with server(deadline=60) as (acceptor, address):
        chunk = b"1000\r\n" + b"v" * 0x1000 + b"\r\n"
        assert status(await sent(address, HEAD + TOKEN + "Transfer-Encoding: chunked\r\n", repeat=chunk)) == 413
        assert acceptor.offers == []


@pytest.mark.parametrize(
    ("framing", "expected"),
    [
        ("Content-Length: 2147483648\r\n", 413),
        ("Content-Length: 65537\r\n", 413),
        ("Content-Length: -1\r\n", 400),
        ("Content-Length: -2147483648\r\n", 400),
        ("Content-Length: +5\r\n", 400),
        ("Content-Length: 5, 6\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 99999999999999999999999999\r\n", 400),
    ],
)
async def test_impossible_lengths_are_refused_at_once(framing: str, expected: int) -> None:
    """Row I9: nothing of the body is waited for."""
    async with server(deadline=60) as (acceptor, address):
        assert status(await sent(address, HEAD + TOKEN + framing)) == expected
        assert acceptor.offers == []


async def test_token_is_asked_for_before_any_of_the_body() -> None:
    """Row I8: 64 KiB announced, none of it sent, 401 at once and the connection closed."""
    async with server(deadline=60) as (_, address):
        answer = await sent(address, HEAD + "Content-Length: 65536\r\n")
        assert status(answer) == 401
        assert b"connection: close" in answer.lower()


async def test_client_that_goes_away_leaves_nothing() -> None:
    """Rows I3, I9: and the next one is served."""
    async with server(deadline=60) as (acceptor, address):
        for _ in range(3):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.write((HEAD + TOKEN + "Content-Length: 500\r\n\r\nv=0\r\n").encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        body = stored("chromium_audio")
        head = f"{HEAD}{TOKEN}Connection: close\r\nContent-Length: {len(body)}\r\n"
        assert status(await sent(address, head, body)) == 201
        assert acceptor.offers == [body]


async def test_head_that_is_too_long_is_refused() -> None:
    """Row I9: 64 lines and 8 KiB, by the server or by the application, and never served."""
    async with server() as (acceptor, address):
        for extra in ("X-A: b\r\n" * 65, f"X-A: {'b' * 8_192}\r\n", f"X-A: {'b' * 100_000}\r\n"):
            answer = await sent(address, HEAD + TOKEN + extra + "Content-Length: 3\r\n", b"v=0")
            assert status(answer) in (400, 431)
        assert acceptor.offers == []
