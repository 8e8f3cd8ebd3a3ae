"""A relay that serves other relays: their datagrams through a running one, over real sockets.

::

    first relay (a socket of ours) ──[header]──► relay_address ══ C workers ══► transceiver
"""

from __future__ import annotations

import contextlib
import os
from ipaddress import ip_network

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import ConfigurationError
from rtcsplit.relay.holdings import Holdings
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.relay_bench import (
    ANY_PORT,
    DTLS,
    FIRST,
    KEYS,
    RTP,
    SECOND,
    Bench,
    Peer,
    check,
    is_conserved,
    request,
    running,
    success,
    ufrag,
)

CLIENT = Address.of("198.51.100.7", 50000)
PROXY = Address.of("203.0.113.10", 3478)
OTHER_PROXY = Address.of("203.0.113.11", 3478)
HEADER = spp.build(CLIENT, PROXY)
RELAYS = ("127.0.0.0/8",)


def relay_address(bench: Bench) -> Address:
    assert bench.relay.relay_address is not None
    return bench.relay.relay_address


async def opened(bench: Bench, relay: Peer, header: bytes = HEADER, check_: bytes | None = None) -> Address:
    """A flow of a client behind another relay; the upstream address that its datagrams come from."""
    check_ = check_ or check()
    relay.send(header + check_, relay_address(bench))
    datagram, via = await bench.first.receive()
    assert datagram == header + check_
    return via


async def dropped(bench: Bench, relay: Peer, *datagrams: bytes) -> dict[DropReason, int]:
    """Send datagrams, none of which may arrive or be answered; return what was counted."""
    before = await bench.settled()
    for datagram in datagrams:
        relay.send(datagram, relay_address(bench))
    after = await bench.settled(relays=before.relays_rx.datagrams + len(datagrams))
    assert bench.first.received() == bench.second.received() == relay.received() == []
    assert after.internal_tx == before.internal_tx
    return dict(after.drops - before.drops)


@pytest.mark.parametrize("workers", [1, 3])
async def test_header_and_payload_pass_unchanged_both_ways(workers):
    """A12: the client's address stays the one that the first relay wrote."""
    async with running(workers, relay_networks=RELAYS) as bench:
        first_relay = bench.peer()
        via = await opened(bench, first_relay)
        for answer in (success(), DTLS, RTP):
            bench.first.send(HEADER + answer, via)
            assert await first_relay.receive() == (HEADER + answer, relay_address(bench))
        first_relay.send(HEADER + RTP, relay_address(bench))
        assert await bench.first.receive() == (HEADER + RTP, via)
        counters = await bench.settled(relays=2, internal=3)
        assert not counters.drops
        assert counters.public_rx.datagrams == counters.public_tx.datagrams == 0
        assert (counters.relays_rx.datagrams, counters.relays_tx.datagrams) == (2, 3)
        assert counters.relays_rx.bytes == counters.internal_tx.bytes
        assert (counters.embryonic_flows, counters.confirmed_flows) == (1, 1)


async def test_the_clients_of_one_relay_are_spread_over_all_workers():
    async with running(workers=3, relay_networks=RELAYS) as bench:
        first_relay = bench.peer()
        for port in range(50000, 50064):
            first_relay.send(spp.build(CLIENT._replace(port=port), PROXY) + check(), relay_address(bench))
        counters = await bench.settled(relays=64)
        assert not counters.drops
        assert all(worker.public_rx.datagrams > 5 for worker in counters.workers if worker.serves_relays)


async def test_nobody_but_the_listed_relays_is_heard():
    """A9, T14: a forged header of a neighbour, and one of a client."""
    async with running(relay_networks=("127.0.0.2/32",)) as bench:
        neighbour, listed = bench.peer(), bench.peer("127.0.0.2")
        datagrams = [HEADER + check(), HEADER + DTLS, check()]
        assert await dropped(bench, neighbour, *datagrams) == {DropReason.SOURCE_NOT_LISTED: 3}
        bench.up(HEADER + check())
        counters = await bench.settled(public=1)
        assert counters.drops == {DropReason.SOURCE_NOT_LISTED: 3, DropReason.FIRST_OCTET: 1}
        await opened(bench, listed)


async def test_what_is_wrapped_twice_or_not_at_all_is_dropped():
    """A8, A12: nesting depth one."""
    async with running(relay_networks=RELAYS) as bench:
        first_relay = bench.peer()
        await opened(bench, first_relay)
        assert await dropped(bench, first_relay, HEADER + HEADER + check(), HEADER + HEADER) == {
            DropReason.SPP_NESTED: 2
        }
        malformed = [check(), HEADER[:37], b"\x56\xee" + HEADER[2:] + DTLS, b""]
        assert await dropped(bench, first_relay, *malformed) == {DropReason.SPP_MALFORMED: 4}
        assert await dropped(bench, first_relay, HEADER) == {DropReason.TOO_SHORT: 1}


@pytest.mark.parametrize(
    "denied",
    ["127.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1", "ff02::1", "2002::1"],
)
async def test_denied_clients_are_denied_behind_a_relay_too(denied):
    """A11."""
    async with running(relay_networks=RELAYS, admitted=()) as bench:
        header = spp.build(Address.of(denied, 50000), PROXY)
        assert await dropped(bench, bench.peer(), header + check()) == {DropReason.CLIENT_DENIED: 1}


async def test_only_a_hint_that_opens_is_routed():
    """A5, also where the one who asks is a trusted relay."""
    async with running(relay_networks=RELAYS) as bench:
        first_relay = bench.peer()
        datagrams = [DTLS, RTP, success(), request("AAAA" + ufrag()[4:] + ":peer")]
        assert await dropped(bench, first_relay, *(HEADER + datagram for datagram in datagrams)) == {
            DropReason.NO_FLOW: 3,
            DropReason.HINT_INVALID: 1,
        }
        assert bench.relay.counters().embryonic_flows == 0


async def test_answers_follow_the_client_to_another_relay_with_its_proxy_address():
    """Two relays behind one public address; the client's datagrams move from one to the other."""
    async with running(relay_networks=RELAYS) as bench:
        one, other = bench.peer(), bench.peer()
        via = await opened(bench, one)
        bench.first.send(HEADER + DTLS, via)
        assert (await one.receive())[0] == HEADER + DTLS
        other.send(HEADER + RTP, relay_address(bench))
        assert (await bench.first.receive())[0] == HEADER + RTP
        bench.first.send(HEADER + RTP, via)
        assert (await other.receive())[0] == HEADER + RTP


async def test_a_stranger_at_another_relay_diverts_nothing():
    """T12: datagrams in the client's name by way of another relay, with and without a valid ufrag of their own."""
    async with running(relay_networks=RELAYS) as bench:
        one, other = bench.peer(), bench.peer()
        via = await opened(bench, one)
        bench.first.send(HEADER + DTLS, via)
        assert (await one.receive())[0] == HEADER + DTLS
        forged = spp.build(CLIENT, OTHER_PROXY)
        for datagram in (RTP, check(SECOND), RTP):
            other.send(forged + datagram, relay_address(bench))
        await bench.settled(relays=4)
        bench.first.send(HEADER + RTP, via)  # the transceiver names the proxy of what was authentic
        assert (await one.receive())[0] == HEADER + RTP
        assert bench.second.received() != []
        bench.second.send(forged + success(), via)  # and the stranger gets the answer to its own check
        assert (await other.receive())[0] == forged + success()


async def test_answers_for_a_proxy_that_no_relay_named_are_dropped():
    async with running(relay_networks=RELAYS) as bench:
        first_relay = bench.peer()
        via = await opened(bench, first_relay)
        bench.first.send(spp.build(CLIENT, OTHER_PROXY) + DTLS, via)
        counters = await bench.settled(internal=1)
        assert counters.drops == {DropReason.PROXY_FOREIGN: 1}


async def test_a_transceiver_cannot_send_to_clients_of_relays_without_a_flow():
    """A11: STUN nobody asked for."""
    async with running(relay_networks=RELAYS) as bench:
        first_relay = bench.peer()
        via = await opened(bench, first_relay)
        bench.first.send(spp.build(CLIENT._replace(port=1024), PROXY) + success(), via)
        counters = await bench.settled(internal=1)
        assert counters.drops == {DropReason.STUN_UNSOLICITED: 1}


async def test_every_length_is_forwarded_whole_or_counted():
    """A13: with the header a datagram is 38 octets longer, on both legs."""
    async with running(relay_networks=RELAYS) as bench:
        first_relay = bench.peer()
        via = await opened(bench, first_relay)
        for size in (1200, 1434, 1435, 1472, 2010):
            payload = RTP + bytes(size - len(RTP))
            first_relay.send(HEADER + payload, relay_address(bench))
            assert (await bench.first.receive())[0] == HEADER + payload
            bench.first.send(HEADER + payload, via)
            assert (await first_relay.receive())[0] == HEADER + payload
        assert await dropped(bench, first_relay, HEADER + RTP + bytes(2000)) == {DropReason.OVERSIZE: 1}


async def test_a_successor_goes_on_serving_relays():
    """Sockets, flows and return paths outlive the process that forwards."""
    settings = RelaySettings(
        ANY_PORT,
        ANY_PORT,
        2,
        confirmed_flows=1024,
        relay_listen=ANY_PORT,
        relay_networks=(ip_network("127.0.0.0/8"),),
        pins_workers=False,
    )
    with contextlib.ExitStack() as stack:
        transceiver, first_relay = Peer(), Peer()
        stack.callback(transceiver.sock.close)
        stack.callback(first_relay.sock.close)
        directory = Directory([DirectoryEntry(FIRST, transceiver.address)])
        held = Holdings.open(settings)
        stack.callback(held.close)

        def successor() -> Relay:
            inherited = Holdings.inherit([os.dup(fd) for fd in held.descriptors()], held.kinds)
            for fd in (inherited.region, inherited.seats, inherited.directory):
                stack.callback(os.close, fd)
            return Relay(settings, KEYS, directory, holdings=inherited)

        async with successor() as first:
            bench = Bench(first, stack)
            bench.transceivers = {FIRST: transceiver}
            via = await opened(bench, first_relay)
            async with successor() as second:
                assert second.relay_address == first.relay_address
                await first.stop()
                transceiver.send(HEADER + DTLS, via)
                assert await first_relay.receive() == (HEADER + DTLS, second.relay_address)
                first_relay.send(HEADER + RTP, relay_address(bench))
                assert await transceiver.receive() == (HEADER + RTP, via)
                counters = second.counters()
    assert is_conserved(counters)
    assert counters.relays_rx.datagrams == 2
    assert not counters.drops


async def test_a_port_in_use_names_its_key():
    async with running(relay_networks=RELAYS) as bench:
        taken = relay_address(bench)
        settings = RelaySettings(ANY_PORT, ANY_PORT, relay_listen=taken, relay_networks=(ip_network("10.0.0.0/8"),))
        with pytest.raises(ConfigurationError) as raised:
            await Relay(settings, KEYS, Directory()).start()
        assert (raised.value.key, raised.value.value) == ("relay.relay_listen", str(taken))
