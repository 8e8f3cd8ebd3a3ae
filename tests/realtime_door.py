"""A Realtime door that runs, and what answers its calls."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from rtcsplit.cli.web import serving
from rtcsplit.signaling.realtime import RealtimeSettings, realtime_application
from rtcsplit.signaling.realtime_calls import Controller
from rtcsplit.wire.address import Address
from tests.acceptor import MemoryAcceptor
from tests.offers import OFFER

__all__ = ["CALLS", "KEY", "Calls", "Door", "door"]

KEY = {"Authorization": "Bearer standard"}
CALLS = "/v1/realtime/calls"


@dataclass
class Calls:
    """What answers the calls: keeps their sessions, and has a controller for each that has one to give.

    Attributes:
        opened: sessions of the calls, by the acceptor's id.
        controllers: what those who join get.
    """

    opened: dict[str, dict[str, Any]] = field(default_factory=dict)
    controllers: list[Controller] = field(default_factory=list)

    def configure(self, call_id: str, session: dict[str, Any]) -> None:
        self.opened[call_id] = session

    def join(self, call_id: str) -> Controller | None:
        assert call_id in self.opened
        return self.controllers.pop() if self.controllers else None


@dataclass
class Door:
    """A running door.

    Attributes:
        acceptor: behind it.
        address: in front of it.
        http: a client of it.
        calls: what answers its calls.
        time: Unix time there.
    """

    acceptor: MemoryAcceptor = field(default_factory=MemoryAcceptor)
    calls: Calls = field(default_factory=Calls)
    time: float = 1_800_000_000.0
    address: Address = field(default_factory=lambda: Address.of("127.0.0.1", 0))
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    async def call(self, token: str = "standard") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        return await self.http.post(CALLS, content=OFFER, headers=headers)


@contextlib.asynccontextmanager
async def door(**settings: Any) -> AsyncIterator[Door]:
    running = Door()
    settings = {"tokens": ("standard", "other"), "cors_origins": ("*",), "body_deadline": 0.3, **settings}
    application = realtime_application(
        running.acceptor, RealtimeSettings(**settings), running.calls, clock=lambda: running.time
    )
    async with (
        serving("listen", Address.of("127.0.0.1", 0), application) as running.address,
        httpx.AsyncClient(base_url=f"http://{running.address}", trust_env=False) as running.http,
    ):
        yield running
