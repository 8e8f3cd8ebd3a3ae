"""Sockets, tables and counters that outlive a relay, and the relay that goes on with them."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from rtcsplit._native.shared import Seats, new_memory
from rtcsplit.errors import ConfigurationError, NativeError
from rtcsplit.relay import sockets
from rtcsplit.relay.held_directory import HeldDirectory
from rtcsplit.relay.holdings import Holdings
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Cluster, Directory, DirectoryEntry, EntryState
from rtcsplit.wire.address import Address
from tests.relay_bench import ANY_PORT, DTLS, FIRST, KEYS, RTP, SECOND, Bench, Peer, is_conserved

SETTINGS = RelaySettings(ANY_PORT, ANY_PORT, 1, (ip_network("127.0.0.0/8"),), confirmed_flows=1024, pins_workers=False)


@pytest.fixture
def holdings() -> Iterator[Holdings]:
    held = Holdings.open(SETTINGS)
    yield held
    held.close()


@pytest.fixture
def transceiver() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.sock.close()


@contextlib.asynccontextmanager
async def successor(holdings: Holdings, transceiver: Peer, settings: RelaySettings = SETTINGS) -> AsyncIterator[Relay]:
    """A relay with descriptors of its own, as another process has them."""
    inherited = Holdings.inherit([os.dup(fd) for fd in holdings.descriptors()])
    relay = Relay(settings, KEYS, Directory([DirectoryEntry(FIRST, transceiver.address)]), holdings=inherited)
    try:
        async with relay:
            yield relay
    finally:
        for fd in (inherited.region, inherited.seats, inherited.directory):
            os.close(fd)


async def test_a_successor_waits_and_goes_on_with_flows_and_counters(holdings, transceiver):
    with contextlib.ExitStack() as stack:
        async with successor(holdings, transceiver) as first:
            bench = Bench(first, stack)
            bench.transceivers = {FIRST: transceiver}
            header, via = await bench.open_flow()
            transceiver.send(header + DTLS, via)
            assert (await bench.client.receive())[0] == DTLS
            async with successor(holdings, transceiver) as second:
                assert second.address == first.address
                stopping = first.stop()
                bench.up(RTP)  # while one leaves and the other one takes over
                await stopping
                assert await transceiver.receive() == (header + RTP, via)
                bench.up(RTP)
                assert await transceiver.receive() == (header + RTP, via)
                transceiver.send(header + RTP, via)
                assert (await bench.client.receive())[0] == RTP
                counters = second.counters()
    assert is_conserved(counters)
    assert counters.public_rx.datagrams == 3
    assert counters.drops == {}
    assert counters.flow_events["recovered"] == 0


async def test_a_region_of_other_settings_is_left_alone_and_a_new_one_made(holdings, transceiver):
    async with successor(holdings, transceiver) as first:
        size = os.fstat(holdings.region).st_size
        other = replace(SETTINGS, confirmed_flows=2048)
        async with successor(holdings, transceiver, other) as second:
            assert os.fstat(holdings.region).st_size == size
            assert second.region is not None
            assert os.fstat(second.region).st_size > size
            assert second.counters().public_rx.datagrams == first.counters().public_rx.datagrams == 0
            new = second.region
        os.close(new)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_clients_arrive_at_as_many_workers_as_are_steered_to(host):
    """By the kernel's own choice where all are in use; nothing that has arrived is lost when there are fewer."""
    settings = replace(SETTINGS, listen=Address.of(host, 0), workers=2)
    with contextlib.ExitStack() as stack:
        held = Holdings.open(settings)
        clients = [
            stack.enter_context(socket.socket(held.sockets[0].public.family, socket.SOCK_DGRAM)) for _ in "x" * 64
        ]

        def arrive() -> list[int]:
            port = held.sockets[0].public.getsockname()[1]
            for client in clients:
                client.sendto(b"x", ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port))
            return [len(received(pair.public)) for pair in held.sockets]

        assert all(arrive())
        held = held.with_room_for(replace(settings, workers=4))
        stack.callback(held.close)
        assert [bool(count) for count in arrive()] == [True, True, False, False]
        held.steer(4)
        assert all(arrive())
        held.steer(1)
        assert arrive() == [64, 0, 0, 0]
        held.steer(3)
        assert [bool(count) for count in arrive()] == [True, True, True, False]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_new_socket_hears_nobody_from_its_first_moment_on(host, workers, monkeypatch):
    """Whoever is heard there too early has no flow for the process in charge, which does not know of that worker."""
    settings = replace(SETTINGS, listen=Address.of(host, 0), workers=workers)
    held = Holdings.open(settings)
    to = ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), held.sockets[0].public.getsockname()[1])
    bind = sockets._bind

    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.socket(held.sockets[0].public.family, socket.SOCK_DGRAM)) for _ in "x" * 64
        ]

        def bind_and_arrive(*args, **flags):
            bound = bind(*args, **flags)
            for client in clients:
                client.sendto(b"x", to)
            return bound

        monkeypatch.setattr(sockets, "_bind", bind_and_arrive)
        held = held.with_room_for(replace(settings, workers=workers + 2))
        stack.callback(held.close)
        counts = [len(received(pair.public)) for pair in held.sockets]
    assert [bool(count) for count in counts] == [True] * workers + [False] * 2
    assert sum(counts) == 4 * len(clients)  # two public sockets, two upstream ones


def test_an_address_that_may_be_shared_is_not_shared_with_another_relay(holdings):
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    with stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(holdings.sockets[0].public.getsockname())


def received(sock: socket.socket) -> list[bytes]:
    datagrams = []
    with contextlib.suppress(BlockingIOError):
        while True:
            datagrams.append(sock.recv(2048, socket.MSG_DONTWAIT))
    return datagrams


def test_an_address_of_the_upstream_side_that_is_taken_leaves_the_sockets_as_they_are(holdings):
    taken = Peer()
    upstream = taken.address._replace(port=taken.address.port - 1)
    with pytest.raises(ConfigurationError) as raised:
        holdings.with_room_for(replace(SETTINGS, upstream=upstream, workers=2))
    assert raised.value.key == "relay.upstream"
    taken.sock.close()


def test_the_directory_in_force_is_read_back_or_nothing_is(holdings):
    held = HeldDirectory(holdings.directory)
    assert held.read() is None
    entries = [
        DirectoryEntry(FIRST, Address.of("10.0.0.1", 5000), EntryState.DRAINING),
        DirectoryEntry(SECOND, Address.of("fd00::1", 5001), EntryState.DEAD),
    ]
    longer = Directory(entries, [Cluster(7, (Address.of("10.1.0.1", 4000), Address.of("10.1.0.2", 4000)))])
    for directory in (longer, Directory(entries[:1]), Directory()):
        held.write(directory)
        assert held.read() == directory
    held.write(longer)
    for octet in (0, 8, 12, 20):
        before = os.pread(holdings.directory, 1, octet)
        os.pwrite(holdings.directory, bytes([before[0] ^ 1]), octet)
        assert held.read() is None
        os.pwrite(holdings.directory, before, octet)
    os.pwrite(holdings.directory, b"\xff" * 8, 8)
    assert held.read() is None


def test_memory_that_holds_something_else_is_refused():
    fd = new_memory("test")
    try:
        os.ftruncate(fd, 100)
        with pytest.raises(NativeError):
            Seats(fd)
        os.ftruncate(fd, 1 << 20)
        os.pwrite(fd, b"something", 0)
        with pytest.raises(NativeError):
            Seats(fd)
    finally:
        os.close(fd)
