"""Synthetic calls through a relay that may be restarted: audio both ways every 20 ms, and how long it was silent.

::

    client ──► relay (same addresses after every restart) ──► transceiver
    audio every 20 ms, each way

Every datagram carries the number of its tick and when it was sent. A gap is the silence between two arrivals less the
time that lay between the sending of the first and of the one that was due next: 20 ms, or more where this process was
late itself. When a datagram arrived is what the kernel says, so that nothing depends on how soon it is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.relay_bench import FIRST, KEYS, LOOPBACK, RTP, Peer, request, ufrag

__all__ = ["Call", "Calls", "Media", "calls"]

_INTERVAL = 0.02
_SO_TIMESTAMPNS = 35  # Linux; the socket module does not name it
_TIMESPEC = struct.Struct("=qq")
_MARK = struct.Struct("!Id")  # tick, and when it was sent
_HEADER = RTP[:12]


@dataclass
class Media:
    """One direction of a call.

    Attributes:
        sent, received: datagrams of audio.
        gap: the longest, seconds.
    """

    sent: int = 0
    received: int = 0
    gap: float = 0.0
    _heard: tuple[float, float, int] | None = field(default=None, repr=False)

    def heard(self, at: float, sent: float, tick: int, ticks: list[float]) -> None:
        """Note an arrival."""
        self.received += 1
        if self._heard is not None:
            before, sent_before, last = self._heard
            due = _INTERVAL
            if tick == last + 1:
                due = sent - sent_before
            elif last + 1 < len(ticks):
                due = ticks[last + 1] - ticks[last]
            self.gap = max(self.gap, at - before - max(due, _INTERVAL))
        self._heard = at, sent, tick

    @property
    def heard_at(self) -> float:
        """When the last one arrived, by the clock of the day; 0 if none did."""
        return self._heard[0] if self._heard else 0.0

    def begin_anew(self) -> None:
        """Measure from the next datagram on: what was before is no silence."""
        self.gap, self._heard = 0.0, None


@dataclass
class Call:
    """One client's session.

    Attributes:
        client: its socket.
        ufrag: the server's.
        up, down: its audio.
        header, via: of the transceiver's datagrams, once the client's first has arrived.
    """

    client: Peer
    ufrag: str
    up: Media = field(default_factory=Media)
    down: Media = field(default_factory=Media)
    header: bytes = b""
    via: Address | None = None

    @property
    def gap(self) -> float:
        """The longer one of both directions."""
        return max(self.up.gap, self.down.gap)

    @property
    def lost(self) -> tuple[int, int]:
        """Datagrams that have not arrived, up and down."""
        return self.up.sent - self.up.received, self.down.sent - self.down.received

    def forget(self) -> None:
        """Count anew, and measure anew; what is on its way must have arrived."""
        self.up, self.down = Media(), Media()

    def begin_anew(self) -> None:
        """Measure anew."""
        self.up.begin_anew()
        self.down.begin_anew()


class Calls:
    """A transceiver, its clients, and the relay between them.

    Attributes:
        keys, route: what ufrags are minted with.
        calls: the clients' sessions.
        last_header: of the datagram that the transceiver received last.
        delays: of every datagram that arrived since somebody emptied it, seconds.
    """

    def __init__(self, stack: contextlib.ExitStack, count: int, keys: RoutingKeys, route: Route = FIRST) -> None:
        self._stack = stack
        self._ticks: list[float] = []
        self._by_client: dict[Address, Call] = {}
        self.keys = keys
        self.route = route
        self.calls: list[Call] = []
        self.last_header = b""
        self.delays: list[float] = []
        self.transceiver = self.peer()
        self._read(self.transceiver, self._heard_by_transceiver)
        for _ in range(count):
            self.add_call()
        self._listen = self._upstream = Address.of("127.0.0.1", 0)
        self.relay: Relay | None = None
        self.is_talking_down = True
        self.is_talking_up = True

    @property
    def directory(self) -> Directory:
        return Directory([DirectoryEntry(self.route, self.transceiver.address)])

    @property
    def lost(self) -> int:
        """Datagrams of all calls that have not arrived."""
        return sum(sum(call.lost) for call in self.calls)

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

    def use_relay_at(self, listen: Address) -> None:
        """Talk through a relay that somebody else has started."""
        self._listen = listen

    def add_call(self) -> Call:
        """One call more, which has not begun."""
        call = Call(self.peer(), ufrag(self.route, self.keys))
        self.calls.append(call)
        self._by_client[call.client.address] = call
        self._read(call.client, lambda datagram, at, source: self._heard_by_client(call, datagram, at))
        return call

    def check(self, calls: Iterable[Call] | None = None) -> None:
        """Clients send binding requests."""
        for call in self.calls if calls is None else calls:
            call.client.send(request(call.ufrag + ":peer"), self._listen)

    async def begin(self, calls: Iterable[Call] | None = None) -> None:
        """Check until each has its flow, and count and measure those from then on."""
        begun = list(self.calls if calls is None else calls)
        deadline = time.monotonic() + 20
        while missing := [call for call in begun if not call.down.received]:
            assert time.monotonic() < deadline
            self.check(call for call in missing if call.via is None)
            await self.run(0.1)
        for call in begun:
            call.forget()

    async def run(self, seconds: float) -> None:
        """Let them talk, in real time."""
        due = time.monotonic()
        end = due + seconds
        while due < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._talk()
            due += _INTERVAL
        await self._settle()

    async def _settle(self) -> None:
        """Hear what is still on its way; a busy machine takes its time."""
        for _ in range(60):
            if not any(any(call.lost) for call in self.calls):
                break
            await asyncio.sleep(0.005)

    def _talk(self) -> None:
        tick = len(self._ticks)
        self._ticks.append(time.time())
        for call in self.calls:
            if self.is_talking_up:
                call.client.send(_audio(tick), self._listen)
                call.up.sent += 1
            if self.is_talking_down and call.via is not None:
                self.transceiver.send(call.header + _audio(tick), call.via)
                call.down.sent += 1

    def _heard_by_transceiver(self, datagram: bytes, at: float, source: Address) -> None:
        parsed = spp.parse(datagram)
        assert isinstance(parsed, spp.SppHeader)
        self.last_header = datagram[: spp.SIZE]
        call = self._by_client.get(parsed.client)
        if call is None:  # somebody else's, whom a test has let in
            return
        call.header, call.via = datagram[: spp.SIZE], source
        payload = datagram[spp.SIZE :]
        if payload.startswith(_HEADER):
            self._heard(call.up, payload, at)

    def _heard_by_client(self, call: Call, datagram: bytes, at: float) -> None:
        if datagram.startswith(_HEADER):
            self._heard(call.down, datagram, at)

    def _heard(self, media: Media, datagram: bytes, at: float) -> None:
        tick, sent = _MARK.unpack_from(datagram, len(_HEADER))
        media.heard(at, sent, tick, self._ticks)
        self.delays.append(at - sent)

    def peer(self) -> Peer:
        """Another socket."""
        peer = Peer()
        self._stack.callback(peer.sock.close)
        return peer

    def _read(self, peer: Peer, heard: Callable[[bytes, float, Address], None]) -> None:
        def receive() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    datagram, ancillary, _, source = peer.sock.recvmsg(2048, 64)
                    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
                    heard(datagram, seconds + nanoseconds / 1e9, Address.of(*source))

        loop = asyncio.get_running_loop()
        peer.sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        loop.add_reader(peer.sock, receive)
        self._stack.callback(loop.remove_reader, peer.sock)


def _audio(tick: int) -> bytes:
    return (_HEADER + _MARK.pack(tick, time.time())).ljust(len(RTP), b"\0")


@contextlib.asynccontextmanager
async def calls(count: int, keys: RoutingKeys = KEYS) -> AsyncIterator[Calls]:
    """Calls that run, through a relay that runs."""
    with contextlib.ExitStack() as stack:
        made = Calls(stack, count, keys)
        await made.start_relay()
        try:
            await made.begin()
            yield made
        finally:
            await made.stop_relay()
