"""Transceivers' datagrams through a running relay: to whom they go, and what nobody can make the relay send."""

from __future__ import annotations

import ipaddress

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.wire import spp, stun
from rtcsplit.wire.address import Address
from rtcsplit.wire.stun import MessageClass
from tests.relay_bench import DTLS, FIRST, INTERNAL, RTCP, RTP, SECOND, check, decisions, running, success


async def test_every_class_goes_down_without_its_header():
    """A8, B24: byte for byte."""
    async with running() as bench:
        header, via = await bench.open_flow()
        for datagram in (DTLS, RTP, RTCP, success(), b"\x80" + bytes(1471)):
            bench.first.send(header + datagram, via)
            assert await bench.client.receive() == (datagram, bench.relay.address)


async def test_only_listed_transceivers_are_heard():
    """A9, A11: the same octets from another socket of the same host."""
    async with running() as bench:
        header, via = await bench.open_flow()
        bench.peer().send(header + DTLS, via)
        bench.client.send(header + DTLS, via)
        counters = await bench.settled(internal=2)
        assert counters.drops == {DropReason.SOURCE_NOT_LISTED: 2}
        assert bench.client.received() == []


async def test_a_header_must_be_whole_and_single():
    """A8, A12: 37 octets, another magic, and a second header inside."""
    async with running() as bench:
        header, via = await bench.open_flow()
        for bad in (b"", header[:37], b"\x57" + header[1:] + DTLS, b"\x56\xee" + header[2:] + DTLS, header * 2 + DTLS):
            bench.first.send(bad, via)
        counters = await bench.settled(internal=5)
        assert counters.drops == {DropReason.SPP_MALFORMED: 4, DropReason.SPP_NESTED: 1}
        assert bench.client.received() == []


async def test_what_is_of_no_class_is_not_sent_to_a_client():
    async with running() as bench:
        header, via = await bench.open_flow()
        for bad in (b"", b"\x40" * 60, b"\x80" * 5, bytes(30)):
            bench.first.send(header + bad, via)
        counters = await bench.settled(internal=4)
        assert counters.drops == {
            DropReason.TOO_SHORT: 2,
            DropReason.FIRST_OCTET: 1,
            DropReason.STUN_MALFORMED: 1,
        }
        assert bench.client.received() == []


async def test_the_proxy_address_must_be_ours():
    async with running() as bench:
        _, via = await bench.open_flow()
        ours = bench.relay.address
        for proxy in (ours._replace(port=ours.port ^ 1), Address.of("127.0.0.9", ours.port), via):
            bench.first.send(spp.build(bench.client.address, proxy) + DTLS, via)
        counters = await bench.settled(internal=3)
        assert counters.drops == {DropReason.PROXY_FOREIGN: 3}


async def test_stun_goes_only_to_who_asked_or_has_a_flow():
    """T15: a transceiver cannot make the relay send STUN to strangers, and its STUN makes no flow."""
    async with running() as bench:
        header, via = await bench.open_flow()
        stranger = bench.peer()
        indication = stun.build(MessageClass.INDICATION, 1, b"transaction.")
        for datagram in (success(), indication):
            bench.first.send(spp.build(stranger.address, bench.relay.address) + datagram, via)
        bench.first.send(header + indication, via)
        assert (await bench.client.receive())[0] == indication
        counters = await bench.settled(internal=3)
        assert counters.drops == {DropReason.STUN_UNSOLICITED: 2}
        assert counters.confirmed_flows == 0
        assert stranger.received() == []


async def test_a_flow_is_relearned_from_its_transceivers_own_datagram():
    """A11: the relay was restarted, the transceiver goes on sending; uplink works from then on."""
    async with running() as bench:
        header = spp.build(bench.client.address, bench.relay.address)
        [via] = bench.relay.upstream_addresses
        bench.first.send(header + RTP, via)
        assert (await bench.client.receive())[0] == RTP
        bench.up(RTP)
        assert (await bench.first.receive())[0] == header + RTP
        assert bench.relay.counters().flow_events == {"recovered": 1}


def spellings(host: str) -> list[bytes]:
    """An IPv4 address mapped, compatible, behind NAT64 and 6to4; an IPv6 address as it is."""
    ip = ipaddress.ip_address(host)
    if isinstance(ip, ipaddress.IPv6Address):
        return [ip.packed]
    four = ip.packed
    nat64 = ipaddress.ip_address("64:ff9b::").packed[:12]
    return [bytes(10) + b"\xff\xff" + four, bytes(12) + four, nat64 + four, b"\x20\x02" + four + bytes(10)]


DENIED = (
    *("0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.255.255"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "fe80::1", "febf::1", "ff00::1", "ff02::1", "64:ff9b::a00:1", "2002:a00:1::1"),
)
OWN = Address.of("203.0.113.10", 3478)


@pytest.mark.parametrize("host", [*DENIED, "203.0.113.10", "10.0.0.1", "10.0.0.2"])
def test_nothing_goes_to_denied_addresses_in_any_spelling(host):
    """A11: the ranges, our own host and the directory's hosts."""
    with decisions() as relay:
        relay.route_to(INTERNAL, own=[OWN])
        for ip in spellings(host):
            client = Address(ip, 50000)
            relay.up(check(), client=client)  # even if it has a flow
            assert relay.down(DTLS, success(), client=client) == [DropReason.CLIENT_DENIED] * 2, client


def test_nothing_goes_to_port_zero_or_back_to_ourselves():
    """A11: neither to a port 0 nor to the very address that it would leave from."""
    with decisions() as relay:
        ours = relay.public()
        relay.route_to(INTERNAL, admitted=["0.0.0.0/0"])
        for client in (Address.of("198.51.100.7", 0), ours, INTERNAL[FIRST], INTERNAL[SECOND]):
            assert relay.down(DTLS, client=client) == [DropReason.CLIENT_DENIED], client


@pytest.mark.parametrize("host", ["192.168.0.1", "10.0.0.3", "172.16.0.1", "100.64.0.1", "2001:db8::1", "fd00::1"])
def test_private_and_public_addresses_are_clients(host):
    """A11: allowed unless denied."""
    client = Address.of(host, 50000)
    with decisions() as relay:
        relay.up(check(), client=client)
        assert relay.down(DTLS, client=client) == [(DTLS, client)]


def test_readmitted_networks_are_clients():
    """A11: ``allow_client_networks``, and only those."""
    with decisions() as relay:
        relay.route_to(INTERNAL, own=[OWN], admitted=["127.0.0.0/8", "::1/128", "10.0.0.0/24"])
        for host in ("127.0.0.1", "::1", "10.0.0.1"):
            assert not isinstance(relay.down(DTLS, client=Address.of(host, 50000))[0], DropReason), host
        for host in ("0.0.0.0", "::", "::2", "203.0.113.10"):
            assert relay.down(DTLS, client=Address.of(host, 50000)) == [DropReason.CLIENT_DENIED], host


@pytest.mark.parametrize("confirmed", [False, True], ids=["embryonic", "confirmed"])
async def test_a_second_transceiver_does_not_get_a_living_flow(confirmed):
    """A14, T12: what it sends there besides STUN is dropped while the first one still sends."""
    async with running() as bench:
        header, via = await bench.open_flow(FIRST)
        if confirmed:
            bench.first.send(header + DTLS, via)
            await bench.client.receive()
        bench.up(check(SECOND))
        await bench.second.receive()
        bench.second.send(header + success(), via)
        assert (await bench.client.receive())[0] == success()
        bench.second.send(header + DTLS, via)
        counters = await bench.settled(internal=3 if confirmed else 2)
        if confirmed:
            assert counters.drops == {DropReason.FLOW_CONFLICT: 1}
            bench.up(RTP)
            assert (await bench.first.receive())[0] == header + RTP
        else:
            assert counters.flow_events["recovered"] == 1
