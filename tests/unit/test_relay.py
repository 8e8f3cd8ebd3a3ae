"""The relay as an object: start, stop, replace, observe; both families, and a wildcard address."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import threading

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import ConfigurationError, UsageError
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry, EntryState
from rtcsplit.routing.hint import RoutingKeys
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.relay_bench import ANY_PORT, DTLS, FIRST, KEYS, RTP, SECOND, check, request, running, ufrag


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_call_is_forwarded_both_ways(workers):
    async with running(workers) as bench:
        header, via = await bench.open_flow()
        assert header == spp.build(bench.client.address, bench.relay.address)
        assert via in bench.relay.upstream_addresses
        bench.first.send(header + DTLS, via)
        assert await bench.client.receive() == (DTLS, bench.relay.address)
        bench.up(RTP)
        assert await bench.first.receive() == (header + RTP, via)
        counters = await bench.settled(public=2, internal=1)
        assert (counters.embryonic_flows, counters.confirmed_flows) == (1, 1)
        assert counters.flow_events == {"created": 1, "confirmed": 1}
        assert not counters.drops
        assert counters.internal_tx.bytes == counters.public_rx.bytes + 2 * spp.SIZE
        assert counters.public_tx.bytes == len(DTLS)


async def test_all_clients_of_all_workers_share_one_public_port():
    async with running(workers=4) as bench:
        clients = [bench.peer() for _ in range(32)]
        for client in clients:
            bench.up(check(), client=client)
        headers = [(await bench.first.receive())[0][: spp.SIZE] for _ in clients]
        assert {spp.parse(header).client for header in headers} == {client.address for client in clients}
        counters = await bench.settled(public=32)
        assert sum(worker.public_rx.datagrams > 0 for worker in counters.workers) > 1


async def test_it_stops_cleanly_at_once_and_counters_stay():
    before = set(threading.enumerate())
    async with running(workers=2) as bench:
        relay = bench.relay
        await bench.open_flow()
        await bench.settled(public=1)
        assert relay.is_running
        started = asyncio.get_running_loop().time()
        await relay.stop()
        assert asyncio.get_running_loop().time() - started < 1
        assert not relay.is_running
        assert not {thread for thread in threading.enumerate() if "_run" in thread.name} - before
        await relay.stop()
    assert relay.counters().public_rx.datagrams == 1
    assert relay.counters().embryonic_flows == 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((relay.address.host, relay.address.port))


async def test_a_relay_is_started_once():
    settings = RelaySettings(ANY_PORT, ANY_PORT)
    relay = Relay(settings, KEYS, Directory())
    assert relay.counters().workers == ()
    assert not relay.is_running
    async with relay:
        with pytest.raises(UsageError, match="once"):
            await relay.start()
    with pytest.raises(UsageError, match="once"):
        await relay.start()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("key", ["listen", "upstream"])
async def test_a_port_in_use_names_its_key_and_starts_nothing(workers, key):
    async with running(workers=2) as bench:
        taken = bench.relay.address if key == "listen" else bench.relay.upstream_addresses[0]
        addresses = {"listen": ANY_PORT, "upstream": ANY_PORT, key: taken}
        other = Relay(RelaySettings(**addresses, workers=workers), KEYS, Directory())
        with pytest.raises(ConfigurationError) as raised:
            await other.start()
        assert (raised.value.key, raised.value.value) == (f"relay.{key}", str(taken))
        assert not other.is_running


async def test_the_second_workers_port_in_use_leaves_no_socket_behind():
    async with running() as bench:
        taken = bench.relay.upstream_addresses[0]
        upstream = taken._replace(port=taken.port - 1)
        other = Relay(RelaySettings(ANY_PORT, upstream, workers=2), KEYS, Directory())
        with pytest.raises(ConfigurationError) as raised:
            await other.start()
        assert raised.value.value == str(taken)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((upstream.host, upstream.port))


async def test_workers_bind_consecutive_upstream_ports():
    base = Address.of("127.91.0.1", 20000)  # below the ports that the kernel gives, at an address of this test alone
    async with running(workers=3, upstream=base) as bench:
        assert [address.port - base.port for address in bench.relay.upstream_addresses] == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"workers": 0}, "relay.workers"),
        ({"workers": 257}, "relay.workers"),
        ({"confirmed_flows": 0}, "relay.confirmed_flows"),
        ({"receive_buffer_bytes": 0}, "relay.receive_buffer_bytes"),
        ({"internal_mtu": 1279}, "relay.internal_mtu"),
        ({"internal_mtu": 65536}, "relay.internal_mtu"),
        ({"coalesce_us": -1}, "relay.coalesce_us"),
        ({"coalesce_us": 251}, "relay.coalesce_us"),
        ({"workers": 3, "upstream": Address.of("127.0.0.1", 65534)}, "relay.upstream"),
    ],
)
def test_settings_out_of_range_name_their_key(changes, key):
    with pytest.raises(ConfigurationError) as raised:
        RelaySettings(**{"listen": ANY_PORT, "upstream": ANY_PORT, **changes})
    assert raised.value.key == key


async def test_a_directory_the_upstream_cannot_send_to_is_refused():
    v6 = Directory([DirectoryEntry(FIRST, Address.of("fd00::5", 5000))])
    with pytest.raises(ConfigurationError, match="IPv4"):
        await Relay(RelaySettings(ANY_PORT, ANY_PORT), KEYS, v6).start()
    async with running() as bench:
        with pytest.raises(ConfigurationError, match="IPv4"):
            bench.relay.replace_directory(v6)
        await bench.open_flow()


async def test_a_replaced_directory_routes_from_the_next_datagram_on():
    """Running flows follow their transceiver's new address, too."""
    async with running() as bench:
        await bench.open_flow()
        bench.relay.replace_directory(
            Directory([DirectoryEntry(FIRST, bench.second.address), DirectoryEntry(SECOND, bench.first.address)])
        )
        bench.up(RTP, check(FIRST))
        for _ in range(2):
            await bench.second.receive()
        assert bench.first.received() == []


async def test_an_entry_listed_as_dead_is_routed_no_more():
    async with running() as bench:
        header, via = await bench.open_flow()
        dead = [DirectoryEntry(route, peer.address, EntryState.DEAD) for route, peer in bench.transceivers.items()]
        bench.relay.replace_directory(Directory(dead))
        bench.up(RTP, check(FIRST))
        bench.first.send(header + DTLS, via)
        counters = await bench.settled(public=3, internal=1)
        assert counters.drops == {DropReason.NO_ROUTE: 2, DropReason.SOURCE_NOT_LISTED: 1}
        assert counters.routes == 0


async def test_a_vanished_entry_stays_routed_while_it_has_flows_and_is_forgotten_after():
    async with running() as bench:
        header, via = await bench.open_flow(FIRST)
        bench.first.send(header + DTLS, via)
        await bench.client.receive()
        bench.relay.replace_directory(Directory())
        assert bench.relay.counters().routes == 2
        bench.up(RTP)
        await bench.first.receive()
        await bench.until(lambda counters: counters.routes == 1)  # the one without a flow
        bench.up(RTP, check(SECOND))
        await bench.first.receive()
        counters = await bench.settled(public=4)
        assert counters.drops == {DropReason.NO_ROUTE: 1}


async def test_a_removed_key_opens_nothing_more_within_a_second():
    """C22 (relay): new requests and running flows of the removed key stop, those of the others go on."""
    async with running() as bench:
        ring = RoutingKeys({1: bytes(range(32)), 2: bytes(range(1, 33))}, 2)
        bench.relay.replace_keys(ring)
        assert bench.relay.counters().hint_keys == 2
        old, new = bench.peer(), bench.peer()
        bench.up(request(ufrag(FIRST, KEYS) + ":peer"), client=old)
        bench.up(request(ufrag(FIRST, ring) + ":peer"), client=new)
        for _ in range(2):
            await bench.first.receive()
        bench.relay.replace_keys(RoutingKeys({2: bytes(range(1, 33))}, 2))
        bench.up(RTP, check(), client=old)
        bench.up(RTP, request(ufrag(FIRST, ring) + ":peer"), client=new)
        for _ in range(2):
            datagram, _ = await bench.first.receive()
            assert spp.parse(datagram).client == new.address
        counters = await bench.settled(public=6)
        assert counters.drops == {DropReason.HINT_INVALID: 2}


async def test_replacing_while_datagrams_flow_loses_none():
    async with running(workers=2) as bench:
        await bench.open_flow()
        entries = [DirectoryEntry(FIRST, bench.first.address)]
        for index in range(300):
            bench.up(RTP)
            bench.relay.replace_directory(Directory(entries))
            bench.relay.replace_keys(KEYS)
            if index % 50 == 49:
                await bench.settled(public=index + 2)
        counters = await bench.settled(public=301)
        assert not counters.drops


async def test_ipv6_clients_reach_an_ipv4_transceiver():
    """C23: each family of the public side, one transceiver socket."""
    try:
        async with running(listen=Address.of("::1", 0), admitted=["::1/128"]) as bench:
            client = bench.peer("::1")
            header, via = await bench.open_flow(client=client)
            assert header == spp.build(client.address, bench.relay.address)
            bench.first.send(header + DTLS, via)
            assert await client.receive() == (DTLS, bench.relay.address)
    except ConfigurationError:
        pytest.skip("no IPv6 here")


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])
async def test_on_a_wildcard_address_answers_leave_from_where_the_client_sent_to(listen):
    """A8: the header's proxy address is the one that the datagram arrived at, in mapped form for IPv4."""
    try:
        async with running(listen=Address.of(listen, 0)) as bench:
            port = bench.relay.address.port
            for host in ("127.0.0.1", "127.0.0.2"):
                to = Address.of(host, port)
                bench.client.send(check(), to)
                datagram, via = await bench.first.receive()
                header = spp.parse(datagram)
                assert (header.client, header.proxy) == (bench.client.address, to)
                bench.first.send(datagram[: spp.SIZE] + DTLS, via)
                assert await bench.client.receive() == (DTLS, to)
            foreign = spp.build(bench.client.address, Address.of("127.0.0.1", port ^ 1))
            bench.first.send(foreign + DTLS, via)
            counters = await bench.settled(internal=3)
            assert counters.drops == {DropReason.PROXY_FOREIGN: 1}
    except ConfigurationError:
        pytest.skip("no IPv6 here")


async def test_a_worker_that_ends_by_itself_is_reported():
    failed = asyncio.get_running_loop().create_future()
    settings = RelaySettings(ANY_PORT, ANY_PORT, pins_workers=False)
    async with Relay(settings, KEYS, Directory(), on_failure=failed.set_result) as relay:
        public = descriptor_of(relay.address)
        kept = os.dup(public)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, public)
        error = await failed
        os.dup2(kept, public)
        for descriptor in (nothing, kept):
            os.close(descriptor)
        assert error.errno == errno.ENOTSOCK
        assert not relay.is_running


def descriptor_of(address):
    """The descriptor of this process's UDP socket with that address."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(name))) as sock:
            if sock.type == socket.SOCK_DGRAM and sock.getsockname() == (address.host, address.port):
                return int(name)
    raise AssertionError(f"no socket at {address}")
