"""Whatever other relays and transceivers send: it goes on as it came, to where it may go, or is counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from ipaddress import ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from rtcsplit._native.relay import Direction, NativeRelay, RouteTuple
from rtcsplit.drops import DropReason
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from rtcsplit.wire.network import mapped_network
from tests.relay_bench import CLIENT, DTLS, FIRST, INTERNAL, KEYS, RTP, SECOND, Outcome, Peer, check, success

OTHER = Address.of("2001:db8::7", 4000)
LOOPBACK = Address.of("127.0.0.1", 4000)
RELAYS = [Address.of("10.9.0.1", 40000), Address.of("10.9.0.1", 40001), Address.of("10.9.0.2", 40000)]
STRANGER = Address.of("10.8.0.1", 40000)
PROXIES = [Address.of("203.0.113.10", 3478), Address.of("203.0.113.11", 3478)]
CHECKS = [check(route) for route in (FIRST, SECOND)]
SERVING = 1  # the worker; the other one has clients


class Tier:
    """A relay of a cluster without threads."""

    def __init__(self, native: NativeRelay, sockets: list[tuple[Peer, Peer]]) -> None:
        self.native, self.now_ms = native, 0xFFFF0000
        for index, (front, upstream) in enumerate(sockets):
            native.attach(index, front.sock.fileno(), upstream.sock.fileno(), None)
        native.serve_relays(SERVING)
        routes = [RouteTuple(route.cluster, route.transceiver, address, True) for route, address in INTERNAL.items()]
        native.publish(KEYS.native, routes, [], [], [mapped_network(ip_network("10.9.0.0/16"))])
        self.locals = [front.address for front, _ in sockets]

    def decide(self, direction: Direction, datagram: bytes, source: Address) -> Outcome:
        batch = [(datagram, source, self.locals[SERVING])]
        [outcome] = self.native.decide(SERVING, direction, batch, self.now_ms)
        return outcome if isinstance(outcome, DropReason) else (outcome[0], Address(*outcome[1]))


@contextlib.contextmanager
def tier() -> Iterator[Tier]:
    sockets = [(Peer(), Peer()) for _ in range(2)]
    try:
        yield Tier(NativeRelay(2, 64, b"k" * 16), sockets)
    finally:
        for pair in sockets:
            for peer in pair:
                peer.sock.close()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A wrapped datagram with some octets of header and content changed, cut off or added."""
    header = spp.build(draw(st.sampled_from([CLIENT, OTHER, LOOPBACK])), draw(st.sampled_from(PROXIES)))
    datagram = bytearray(header + draw(st.sampled_from([*CHECKS, DTLS, RTP, success(), header])))
    for _ in range(draw(st.integers(0, 2))):
        datagram[draw(st.integers(0, len(datagram) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(datagram)))
    return bytes(datagram[: draw(st.sampled_from([len(datagram), cut]))])


datagrams = st.one_of(st.binary(max_size=120), mutated())
ups = st.tuples(st.just(Direction.UPLINK), datagrams, st.sampled_from([*RELAYS, STRANGER, *INTERNAL.values()]))
downs = st.tuples(st.just(Direction.DOWNLINK), datagrams, st.sampled_from([*INTERNAL.values(), STRANGER, RELAYS[0]]))
steps = st.lists(st.one_of(ups, downs, st.integers(0, 20_000)), max_size=40)


@settings(max_examples=150, deadline=None)
@given(steps=steps)
def test_what_goes_on_is_what_came_and_goes_where_it_may(steps) -> None:
    """A9, A12, T14: up to the directory, from listed relays; down to a relay that named the answer's proxy address."""
    with tier() as relay:
        named: dict[Address, set[Address]] = {proxy: set() for proxy in PROXIES}
        for step in steps:
            if isinstance(step, int):
                relay.now_ms += step
                continue
            direction, datagram, source = step
            outcome = relay.decide(direction, datagram, source)
            parsed = spp.parse(datagram)
            is_whole = not isinstance(parsed, DropReason)
            if direction is Direction.UPLINK and source in RELAYS and is_whole:
                named.setdefault(parsed.proxy, set()).add(source)
            if isinstance(outcome, DropReason):
                continue
            assert is_whole
            assert datagram[spp.SIZE : spp.SIZE + 2] != spp.MAGIC
            assert parsed.client != LOOPBACK
            assert outcome[0] == datagram
            if direction is Direction.UPLINK:
                assert source in RELAYS
                assert outcome[1] in INTERNAL.values()
            else:
                assert source in INTERNAL.values()
                assert outcome[1] in named[parsed.proxy]
