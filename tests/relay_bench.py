"""A running relay on loopback between sockets of ours, and the same decisions on virtual time without sockets.

::

    client ── 127.0.0.1:* ──► relay.address ══ C workers ══ upstream_addresses ──► transceiver ── 127.0.0.1:*
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from ipaddress import ip_network

from rtcsplit._native.relay import EVENTS, Direction, NativeRelay, RouteTuple
from rtcsplit.drops import DropReason
from rtcsplit.relay.counters import RelayCounters
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire import spp, stun
from rtcsplit.wire.address import Address
from rtcsplit.wire.network import mapped_network

LOOPBACK = ip_network("127.0.0.0/8")
KEYS = RoutingKeys({1: bytes(range(32))}, 1)
FIRST, SECOND = Route(1, 1), Route(1, 2)
ANY_PORT = Address.of("127.0.0.1", 0)

DTLS = b"\x16\xfe\xfd" + bytes(60)
RTP = b"\x80\x6f" + bytes(60)
RTCP = b"\x80\xc8" + bytes(30)

_nonces = itertools.count()


def ufrag(route: Route = FIRST, keys: RoutingKeys = KEYS) -> str:
    """A new session's server ufrag."""
    return keys.mint(route, next(_nonces).to_bytes(5, "big"))


def request(username: str | bytes, transaction: bytes = b"transaction.") -> bytes:
    """A check as browsers send it."""
    username = username.encode() if isinstance(username, str) else username
    attributes = [(stun.Attribute.USERNAME, username), (stun.Attribute.PRIORITY, bytes(4))]
    return stun.build(stun.MessageClass.REQUEST, 1, transaction, attributes, integrity_key=b"password")


def check(route: Route = FIRST) -> bytes:
    """A check for a new session of a transceiver."""
    return request(ufrag(route) + ":peer")


def success(transaction: bytes = b"transaction.") -> bytes:
    """An answer to a check."""
    return stun.build(stun.MessageClass.SUCCESS_RESPONSE, 1, transaction, [])


class Peer:
    """A UDP socket of a client or a transceiver."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind((host, port))
        self.sock.setblocking(False)

    @property
    def address(self) -> Address:
        return Address.of(*self.sock.getsockname()[:2])

    def send(self, datagram: bytes, to: Address) -> None:
        self.sock.sendto(datagram, (to.host, to.port))

    async def receive(self) -> tuple[bytes, Address]:
        """The next datagram and where it came from, within two seconds."""
        loop = asyncio.get_running_loop()
        is_readable = asyncio.Event()
        loop.add_reader(self.sock, is_readable.set)  # sock_recvfrom came with Python 3.11
        try:
            await asyncio.wait_for(is_readable.wait(), 2)
        finally:
            loop.remove_reader(self.sock)
        datagram, name = self.sock.recvfrom(4096)
        return datagram, Address.of(*name[:2])

    def received(self) -> list[bytes]:
        """What is already there."""
        datagrams = []
        with contextlib.suppress(BlockingIOError):
            while True:
                datagrams.append(self.sock.recv(4096))
        return datagrams


class Bench:
    """A relay, two transceivers in its directory, and one client."""

    def __init__(self, relay: Relay, stack: contextlib.ExitStack) -> None:
        self.relay = relay
        self._stack = stack
        self.client = self.peer()
        self.transceivers: dict[Route, Peer] = {}

    def peer(self, host: str = "127.0.0.1", port: int = 0) -> Peer:
        """Another socket."""
        made = Peer(host, port)
        self._stack.callback(made.sock.close)
        return made

    @property
    def first(self) -> Peer:
        return self.transceivers[FIRST]

    @property
    def second(self) -> Peer:
        return self.transceivers[SECOND]

    def up(self, *datagrams: bytes, client: Peer | None = None) -> None:
        """Send to the relay's public address."""
        for datagram in datagrams:
            (client or self.client).send(datagram, self.relay.address)

    async def open_flow(self, route: Route = FIRST, client: Peer | None = None) -> tuple[bytes, Address]:
        """Make an embryonic flow; returns the header it arrived with, and the upstream address it came from."""
        self.up(check(route), client=client)
        datagram, via = await self.transceivers[route].receive()
        return datagram[: spp.SIZE], via

    async def settled(
        self, public: int | None = None, internal: int | None = None, relays: int | None = None
    ) -> RelayCounters:
        """The counters once that many datagrams came in on each side and all of them were decided about."""

        return await self.until(
            lambda counters: (
                (public is None or counters.public_rx.datagrams == public)
                and (internal is None or counters.internal_rx.datagrams == internal)
                and (relays is None or counters.relays_rx.datagrams == relays)
                and is_conserved(counters)
            )
        )

    async def until(self, is_true: Callable[[RelayCounters], bool]) -> RelayCounters:
        """The counters once something is true of them, within five seconds."""
        deadline = asyncio.get_running_loop().time() + 5
        while not is_true(counters := self.relay.counters()):
            assert asyncio.get_running_loop().time() < deadline, counters
            await asyncio.sleep(0.001)
        return counters


def is_conserved(counters: RelayCounters) -> bool:
    """Whether every datagram received was sent or counted as dropped, in each direction of each worker."""
    return all(
        worker.public_rx.datagrams == worker.internal_tx.datagrams + worker.uplink_drops.total()
        and worker.internal_rx.datagrams == worker.public_tx.datagrams + worker.downlink_drops.total()
        for worker in counters.workers
    )


@contextlib.asynccontextmanager
async def running(
    workers: int = 1,
    *,
    listen: Address = ANY_PORT,
    upstream: Address = ANY_PORT,
    admitted: Sequence[str] = ("127.0.0.0/8",),
    relay_networks: Sequence[str] = (),
    coalesce_us: int = 0,
) -> AsyncIterator[Bench]:
    """A bench around a running relay, which serves other relays if it has networks of theirs."""
    settings = RelaySettings(
        listen,
        upstream,
        workers,
        tuple(map(ip_network, admitted)),
        confirmed_flows=4096,
        relay_listen=ANY_PORT if relay_networks else None,
        relay_networks=tuple(map(ip_network, relay_networks)),
        coalesce_us=coalesce_us,
        pins_workers=False,
    )
    with contextlib.ExitStack() as stack:
        transceivers = {}
        for route in (FIRST, SECOND):
            transceivers[route] = Peer()
            stack.callback(transceivers[route].sock.close)
        directory = Directory([DirectoryEntry(route, peer.address) for route, peer in transceivers.items()])
        async with Relay(settings, KEYS, directory) as relay:
            bench = Bench(relay, stack)
            bench.transceivers = transceivers
            yield bench


CLIENT = Address.of("198.51.100.7", 50000)
PUBLIC_IP = "127.0.0.1"
INTERNAL = {FIRST: Address.of("10.0.0.1", 5000), SECOND: Address.of("10.0.0.2", 5000)}

Outcome = tuple[bytes, Address] | DropReason


class Decisions:
    """Workers without threads: what they decide about datagrams, at times of ours.

    Args:
        workers: how many.
        confirmed_flows: capacity per worker.
        now_ms: the first time.
        rescues: whether the RTP of known sources is routed from addresses without a flow.
    """

    def __init__(
        self, workers: int = 1, confirmed_flows: int = 1024, now_ms: int = 0xFFFF0000, *, rescues: bool = False
    ) -> None:
        self.now_ms = now_ms  # by default the clock wraps a minute later
        self._sockets = [(Peer(PUBLIC_IP), Peer(PUBLIC_IP)) for _ in range(workers)]
        self.native = NativeRelay(workers, confirmed_flows, b"k" * 16)
        for index, (public, upstream) in enumerate(self._sockets):
            self.native.attach(index, public.sock.fileno(), upstream.sock.fileno(), None)
            if rescues:
                self.native.rescue_uplink(index)
        self.route_to(INTERNAL)

    def close(self) -> None:
        for public, upstream in self._sockets:
            public.sock.close()
            upstream.sock.close()

    def route_to(
        self,
        internal: dict[Route, Address],
        keys: RoutingKeys = KEYS,
        own: Sequence[Address] = (),
        admitted: Sequence[str] = (),
    ) -> None:
        """Put another directory or key ring in force."""
        self.native.publish(
            keys.native,
            [RouteTuple(route.cluster, route.transceiver, address, True) for route, address in internal.items()],
            own,
            [mapped_network(ip_network(network)) for network in admitted],
        )

    def public(self, worker: int = 0) -> Address:
        """A worker's public address."""
        return self._sockets[worker][0].address

    def up(self, *datagrams: bytes, client: Address = CLIENT, worker: int = 0) -> list[Outcome]:
        """Datagrams from a client; what is forwarded comes without its header."""
        batch = [(datagram, client, self.public(worker)) for datagram in datagrams]
        outcomes: list[Outcome] = []
        for outcome in self._decide(worker, Direction.UPLINK, batch):
            if not isinstance(outcome, DropReason):
                assert outcome[0][: spp.SIZE] == spp.build(client, self.public(worker))
                outcome = outcome[0][spp.SIZE :], outcome[1]
            outcomes.append(outcome)
        return outcomes

    def down(
        self,
        *datagrams: bytes,
        route: Route = FIRST,
        client: Address = CLIENT,
        worker: int = 0,
        proxy: Address | None = None,
    ) -> list[Outcome]:
        """Datagrams of a transceiver for a client."""
        header = spp.build(client, proxy or self.public(worker))
        source = INTERNAL[route]
        batch = [(header + datagram, source, self._sockets[worker][1].address) for datagram in datagrams]
        return self._decide(worker, Direction.DOWNLINK, batch)

    def _decide(self, worker: int, direction: Direction, batch: list[tuple[bytes, Address, Address]]) -> list[Outcome]:
        return [
            outcome if isinstance(outcome, DropReason) else (outcome[0], Address(*outcome[1]))
            for outcome in self.native.decide(worker, direction, batch, self.now_ms)
        ]

    def flows(self) -> tuple[int, int]:
        """Embryonic and confirmed flows of all workers."""
        held = [self.native.flows(index) for index in range(self.native.workers)]
        return sum(embryonic for embryonic, _ in held), sum(confirmed for _, confirmed in held)

    def counted(self) -> Counter[DropReason | None]:
        """How many datagrams of all workers were dropped for each reason; None: sent."""
        counted: Counter[DropReason | None] = Counter()
        for index in range(self.native.workers):
            for direction in Direction:
                counts = self.native.counts(index, direction)
                counted[None] += counts.tx_datagrams
                counted.update({DropReason(reason): count for reason, count in enumerate(counts.drops) if count})
        return counted

    def events(self) -> dict[str, int]:
        """Flow events of all workers that happened at all."""
        sums = dict.fromkeys(EVENTS, 0)
        for index in range(self.native.workers):
            for direction in Direction:
                for name, count in zip(EVENTS, self.native.counts(index, direction).events, strict=True):
                    sums[name] += count
        return {name: count for name, count in sums.items() if count}


@contextlib.contextmanager
def decisions(workers: int = 1, **options: int) -> Iterator[Decisions]:
    """Decisions whose sockets are closed at the end."""
    made = Decisions(workers, **options)
    try:
        yield made
    finally:
        made.close()
