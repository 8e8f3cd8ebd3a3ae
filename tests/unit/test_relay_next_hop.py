"""A first relay and the relays of another cluster, over real sockets: who serves whom, and what when one is lost."""

from __future__ import annotations

import asyncio
import contextlib

from rtcsplit.drops import DropReason
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Cluster, Directory
from rtcsplit.routing.hint import Route
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.relay_bench import DTLS, FIRST, KEYS, LOOPBACK, RTP, SECOND, Bench, Peer, check, request, success, ufrag
from tests.tier_bench import TierBench, two_tiers


async def test_a_call_goes_through_both_tiers():
    """A12: the transceiver sees the client's address, and answers leave from where the client sent to."""
    async with two_tiers() as bench:
        header, via = await bench.open_flow()
        assert header == spp.build(bench.client.address, bench.relay.address)
        for answer in (success(), DTLS, RTP):
            bench.first.send(header + answer, via)
            assert await bench.client.receive() == (answer, bench.relay.address)
        bench.up(RTP)
        assert await bench.first.receive() == (header + RTP, via)
        counters = await bench.settled(public=2, internal=3)
        assert not counters.drops
        assert (counters.embryonic_flows, counters.confirmed_flows) == (1, 1)
        assert counters.routes == 2


async def test_clients_are_spread_over_the_relays_and_each_stays_with_one():
    async with two_tiers() as bench:
        clients = [bench.peer() for _ in range(40)]
        for client in clients:
            bench.up(check(), RTP, RTP, client=client)
        vias: dict[Address, set[Address]] = {}
        for _ in range(3 * len(clients)):
            datagram, via = await bench.first.receive()
            vias.setdefault(spp.parse(datagram[: spp.SIZE]).client, set()).add(via)
        assert all(len(used) == 1 for used in vias.values())
        assert min(bench.serving()) > 15


async def test_sessions_of_any_transceiver_of_the_cluster_are_reached():
    async with two_tiers(relays=1) as bench:
        bench.up(check(FIRST))
        await bench.first.receive()
        other = bench.peer()
        bench.up(check(SECOND), client=other)
        await bench.second.receive()
        bench.up(check(Route(FIRST.cluster, 99)), check(Route(7, 1)), client=bench.peer())
        counters = await bench.settled(public=4)
        assert counters.drops == {DropReason.NO_ROUTE: 1}
        with contextlib.ExitStack() as stack:
            inner = Bench(bench.cluster[0], stack)
            assert (await inner.settled(relays=3)).drops == {DropReason.NO_ROUTE: 1}


async def confirmed_call(bench: TierBench) -> tuple[bytes, bytes, int]:
    """A confirmed flow: its check, its header, and which relay of the cluster serves it."""
    asked = check()
    bench.up(asked)
    datagram, via = await bench.first.receive()
    header = datagram[: spp.SIZE]
    bench.first.send(header + DTLS, via)
    await bench.client.receive()
    serving = bench.serving()
    return asked, header, serving.index(max(serving))


async def test_a_relay_that_refuses_is_left_at_once():
    """Its sockets are gone, and the kernel says so; the client's next check reaches the other one."""
    async with two_tiers() as bench:
        asked, header, index = await confirmed_call(bench)
        await bench.cluster[index].stop()
        other = bench.cluster[1 - index]
        bench.up(RTP)  # the one that meets nobody
        while not other.counters().relays_rx.datagrams:
            bench.up(RTP)
            await asyncio.sleep(0.005)
        bench.up(asked)
        datagram, via = await bench.first.receive()
        assert datagram == header + asked
        assert via in other.upstream_addresses
        bench.first.send(header + RTP, via)
        assert await bench.client.receive() == (RTP, bench.relay.address)


async def test_a_relay_that_says_nothing_is_left_after_150_ms_of_datagrams():
    """A socket that takes datagrams and never answers in the place of a relay."""
    async with two_tiers(relays=1) as bench:
        silent = bench.peer()
        inner = bench.cluster[0].relay_address
        assert inner is not None
        bench.relay.replace_directory(Directory(clusters=[Cluster(1, (silent.address, inner))]))
        client, asked = await client_of(bench, silent)
        bench.first.received()  # of other clients
        while not (datagrams := bench.first.received()):
            bench.up(asked, client=client)
            await asyncio.sleep(0.005)
        assert spp.parse(datagrams[0][: spp.SIZE]).client == client.address
        assert silent.received()


async def client_of(bench: TierBench, relay: Peer) -> tuple[Peer, bytes]:
    """A client whose first choice is this relay, and a check of its."""
    while True:
        client, asked = bench.peer(), request(ufrag() + ":peer")
        before = bench.relay.counters().internal_tx.datagrams
        bench.up(asked, client=client)
        await bench.until(lambda counters: counters.internal_tx.datagrams > before)  # noqa: B023
        if relay.received():
            return client, asked


async def test_a_restarted_first_relay_learns_from_what_comes_down():
    """And stays with the relay that it came from, whatever the order of the client."""
    async with two_tiers() as bench:
        asked, header, index = await confirmed_call(bench)
        via = bench.cluster[index].upstream_addresses[1]  # of the worker that serves relays
        old = bench.relay
        await old.stop()
        settings = RelaySettings(
            old.address, old.upstream_addresses[0], 1, (LOOPBACK,), confirmed_flows=1024, pins_workers=False
        )
        relays = tuple(Address(*relay.relay_address) for relay in reversed(bench.cluster) if relay.relay_address)
        async with Relay(settings, KEYS, Directory(clusters=[Cluster(FIRST.cluster, relays)])) as bench.relay:
            bench.first.send(header + RTP, via)
            assert await bench.client.receive() == (RTP, old.address)
            bench.up(RTP, asked)
            for expected in (RTP, asked):
                assert await bench.first.receive() == (header + expected, via)
            counters = await bench.settled(public=2, internal=1)
            assert counters.flow_events == {"recovered": 1, "created": 1}
            assert not counters.drops


async def test_a_cluster_that_vanishes_stays_while_flows_lead_there():
    async with two_tiers() as bench:
        _, header, _ = await confirmed_call(bench)
        bench.relay.replace_directory(Directory())
        bench.up(RTP)
        assert (await bench.first.receive())[0] == header + RTP
        assert bench.relay.counters().routes == 2
