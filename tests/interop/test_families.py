"""IPv4 and IPv6 on the public side, between relays, and at the transceiver: real calls over each combination."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_network

import httpx
import pytest

from rtcsplit.gateway.echo import Echo
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Cluster, Directory, DirectoryEntry
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from ..processes import free_port
from .lean_client import TOC, LeanClient

IPV4, IPV6 = "127.0.0.1", "::1"
ANYWHERE = "::"  # both families
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
KEYS = RoutingKeys({1: bytes(range(32))}, 1)
ROUTE = Route(1, 1)
COMBINATIONS = list(itertools.product((IPV4, IPV6), repeat=2))
PAYLOADS = [TOC + f"packet {number}".encode().ljust(60, b".") for number in range(15)]


async def call(transceiver: Transceiver, expected: str, candidate: int = 0) -> LeanClient:
    """A call to one of the candidates, with audio both ways, from an address of the same family."""
    transport = httpx.ASGITransport(whip_application(transceiver, WhipSettings(allow_anonymous=True)))
    async with httpx.AsyncClient(transport=transport, base_url="http://calls.test") as http:
        with LeanClient() as client:
            await client.connect(http, "http://calls.test/whip", candidate)
            assert client.transport is not None
            assert client.mapped_address == client.transport.get_extra_info("sockname")[:2]
            assert client.mapped_address[0] == expected
            await client.speak(PAYLOADS)
            await client.until_returned(len(PAYLOADS))
            assert client.returned == PAYLOADS
            await client.hang_up(http)
    return client


def relay_settings(public: str, internal: str, *, serves_relays: bool = False) -> RelaySettings:
    return RelaySettings(
        Address.of(public, 0),
        Address.of(internal, 0),
        1,
        LOOPBACK,
        confirmed_flows=1024,
        relay_listen=Address.of(internal, 0) if serves_relays else None,
        relay_networks=LOOPBACK if serves_relays else (),
        pins_workers=False,
    )


@contextlib.asynccontextmanager
async def relayed(public: str, internal: str) -> AsyncIterator[tuple[Relay, Relay, Transceiver]]:
    """A first relay, a relay of the cluster, and a transceiver, none of which is in a directory yet."""
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(Relay(relay_settings(public, internal), KEYS, Directory()))
        settings = relay_settings(public, internal, serves_relays=True)
        second = await stack.enter_async_context(Relay(settings, KEYS, Directory()))
        advertised = (IPV4, IPV6) if public == ANYWHERE else (public,)
        of_transceiver = TransceiverSettings(
            listen=Address.of(internal, 0),
            route=ROUTE,
            advertise=tuple(Address.of(host, first.address.port) for host in advertised),
            relay_networks=LOOPBACK,
        )
        transceiver = await stack.enter_async_context(Transceiver(of_transceiver, application=Echo(), keys=KEYS))
        yield first, second, transceiver


def reachable(address: Address) -> Address:
    """An address that a wildcard stands for."""
    return address._replace(ip=Address.of(IPV4, 1).ip) if address.host in (ANYWHERE, "0.0.0.0") else address


@pytest.mark.parametrize(("public", "internal"), COMBINATIONS)
async def test_a_call_through_a_relay(public: str, internal: str) -> None:
    async with relayed(public, internal) as (relay, _, transceiver):
        relay.replace_directory(Directory([DirectoryEntry(ROUTE, transceiver.address)]))
        await call(transceiver, public)
        assert not relay.counters().drops


@pytest.mark.parametrize(("public", "internal"), COMBINATIONS)
async def test_a_call_through_two_tiers(public: str, internal: str) -> None:
    """A12: the address in the answer to a check is the client's."""
    async with relayed(public, internal) as (first, second, transceiver):
        assert second.relay_address is not None
        second.replace_directory(Directory([DirectoryEntry(ROUTE, transceiver.address)]))
        first.replace_directory(Directory(clusters=[Cluster(ROUTE.cluster, (second.relay_address,))]))
        await call(transceiver, public)
        assert not first.counters().drops
        assert not second.counters().drops


async def test_clients_of_both_families_reach_one_wildcard_relay() -> None:
    """C23: both candidates are in the answer; each client is answered from the address that it sent to."""
    async with relayed(ANYWHERE, ANYWHERE) as (first, second, transceiver):
        assert second.relay_address is not None
        second.replace_directory(Directory([DirectoryEntry(ROUTE, reachable(transceiver.address))]))
        first.replace_directory(Directory(clusters=[Cluster(ROUTE.cluster, (reachable(second.relay_address),))]))
        for candidate, host in enumerate((IPV4, IPV6)):
            client = await call(transceiver, host, candidate)
            assert [host for host, _ in client.candidates] == [IPV4, IPV6]
        assert not first.counters().drops
        assert not second.counters().drops


@pytest.mark.parametrize("host", [IPV4, IPV6])
async def test_a_call_without_a_relay(host: str) -> None:
    settings = TransceiverSettings(listen=Address.of(host, 0))
    async with Transceiver(settings, application=Echo()) as transceiver:
        await call(transceiver, host)


async def test_clients_of_both_families_reach_one_transceiver_socket() -> None:
    """C23."""
    port = free_port(socket.SOCK_DGRAM)  # it is in the answers, so it has to be known before
    advertised = (Address.of(IPV6, port), Address.of(IPV4, port))
    settings = TransceiverSettings(listen=Address.of(ANYWHERE, port), advertise=advertised)
    async with Transceiver(settings, application=Echo()) as transceiver:
        clients = await asyncio.gather(call(transceiver, IPV6, 0), call(transceiver, IPV4, 1))
    for client in clients:
        assert client.candidates == [(IPV6, port), (IPV4, port)]


@pytest.mark.parametrize("wildcard", ["0.0.0.0", ANYWHERE])
@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.3"])
async def test_without_a_relay_answers_leave_from_where_the_client_sent_to(host: str, wildcard: str) -> None:
    """The client's socket is connected, so it hears nobody else."""
    port = free_port(socket.SOCK_DGRAM)
    settings = TransceiverSettings(listen=Address.of(wildcard, port), advertise=(Address.of(host, port),))
    async with Transceiver(settings, application=Echo()) as transceiver:
        await call(transceiver, IPV4)
