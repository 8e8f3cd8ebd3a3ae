"""Synthetic calls through a relay that may be restarted: audio both ways every 20 ms, and how long it was silent.

::

    client ──► relay (same addresses after every restart) ──► transceiver
    audio every 20 ms, each way

A gap is the longest silence of a direction less the 20 ms that lie between two datagrams anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.relay_bench import FIRST, KEYS, LOOPBACK, RTP, Peer, request, ufrag

__all__ = ["Call", "Calls", "calls"]

_INTERVAL = 0.02


@dataclass
class Call:
    """One client's session.

    Attributes:
        client: its socket.
        ufrag: the server's.
        up_sent, up_received, down_sent, down_received: datagrams of audio.
        up_gap, down_gap: longest silences, seconds.
    """

    client: Peer
    ufrag: str
    up_sent: int = 0
    up_received: int = 0
    down_sent: int = 0
    down_received: int = 0
    up_gap: float = 0.0
    down_gap: float = 0.0
    header: bytes = b""
    via: Address | None = None
    _up_at: float = field(default=0.0, repr=False)
    _down_at: float = field(default=0.0, repr=False)

    def heard_up(self, now: float) -> None:
        self.up_received += 1
        if self._up_at:
            self.up_gap = max(self.up_gap, now - self._up_at - _INTERVAL)
        self._up_at = now

    def heard_down(self, now: float) -> None:
        self.down_received += 1
        if self._down_at:
            self.down_gap = max(self.down_gap, now - self._down_at - _INTERVAL)
        self._down_at = now

    def forget_gaps(self) -> None:
        """Begin to measure anew."""
        self.up_gap = self.down_gap = 0.0


class Calls:
    """A transceiver, its clients, and the relay between them."""

    def __init__(self, stack: contextlib.ExitStack, count: int, keys: RoutingKeys, route: Route = FIRST) -> None:
        self._stack = stack
        self.keys = keys
        self.route = route
        self.transceiver = self.peer()
        self.calls: list[Call] = []
        self._by_client: dict[Address, Call] = {}
        for _ in range(count):
            self.add_call()
        self._listen = self._upstream = Address.of("127.0.0.1", 0)
        self.relay: Relay | None = None
        self.is_talking_down = True
        self.is_talking_up = True

    @property
    def directory(self) -> Directory:
        return Directory([DirectoryEntry(self.route, self.transceiver.address)])

    async def start_relay(self) -> Relay:
        """Start one with an empty table, where the one before was."""
        settings = RelaySettings(self._listen, self._upstream, 1, (LOOPBACK,), confirmed_flows=4096, pins_workers=False)
        self.relay = Relay(settings, self.keys, self.directory)
        await self.relay.start()
        self._listen, self._upstream = self.relay.address, self.relay.upstream_addresses[0]
        return self.relay

    async def stop_relay(self) -> None:
        assert self.relay is not None
        await self.relay.stop()

    def add_call(self) -> Call:
        """One call more, which has not begun."""
        call = Call(self.peer(), ufrag(self.route, self.keys))
        self.calls.append(call)
        self._by_client[call.client.address] = call
        return call

    def check(self, calls: Iterable[Call] | None = None) -> None:
        """Clients send binding requests."""
        for call in self.calls if calls is None else calls:
            call.client.send(request(call.ufrag + ":peer"), self._listen)

    async def run(self, seconds: float) -> None:
        """Let them talk, in real time."""
        end = time.monotonic() + seconds
        due = time.monotonic()
        while time.monotonic() < end:
            self._talk()
            due += _INTERVAL
            while (now := time.monotonic()) < due:
                self._listen_to_all(now)
                await asyncio.sleep(min(0.002, due - now))
        await self._settle()

    async def _settle(self) -> None:
        """Hear what is still on its way; a busy machine takes its time."""
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            self._listen_to_all(time.monotonic())
            if all((c.up_received, c.down_received) == (c.up_sent, c.down_sent) for c in self.calls):
                break
            await asyncio.sleep(0.005)

    def _talk(self) -> None:
        for call in self.calls:
            if self.is_talking_up:
                call.client.send(RTP, self._listen)
                call.up_sent += 1
            if self.is_talking_down and call.via is not None:
                self.transceiver.send(call.header + RTP, call.via)
                call.down_sent += 1

    def _listen_to_all(self, now: float) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                datagram, source = self.transceiver.sock.recvfrom(2048)
                parsed = spp.parse(datagram)
                assert isinstance(parsed, spp.SppHeader)
                call = self._by_client[parsed.client]
                call.header, call.via = datagram[: spp.SIZE], Address.of(*source)
                if datagram[spp.SIZE :] == RTP:
                    call.heard_up(now)
        for call in self.calls:
            for _ in call.client.received():
                call.heard_down(now)

    def peer(self) -> Peer:
        """Another socket."""
        peer = Peer()
        self._stack.callback(peer.sock.close)
        return peer


@contextlib.asynccontextmanager
async def calls(count: int, keys: RoutingKeys = KEYS) -> AsyncIterator[Calls]:
    """Calls that run, through a relay that runs."""
    with contextlib.ExitStack() as stack:
        made = Calls(stack, count, keys)
        await made.start_relay()
        try:
            made.check()
            await made.run(0.2)
            for call in made.calls:
                assert call.via is not None
                call.forget_gaps()
                call.up_sent = call.up_received = call.down_sent = call.down_received = 0
            yield made
        finally:
            await made.stop_relay()
