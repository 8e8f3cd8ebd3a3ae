"""Datagrams with paths, in direct mode and behind a relay."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network

import pytest

from rtcsplit._native.session_table import NativeSessionTable
from rtcsplit.drops import DropReason
from rtcsplit.transceiver.datagrams import DatagramBatch
from rtcsplit.transceiver.facts import ReceivedDatagram
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address, Path, Via
from rtcsplit.wire.packet import Kind
from tests.echoing import EchoingSession

CLIENT = Address.of("198.51.100.7", 50000)
PROXY = Address.of("203.0.113.10", 3478)
DTLS = b"\x16" + bytes(40)


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        made = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for one in made:
            one.bind(("127.0.0.1", 0))
            one.settimeout(2)
        yield made


def address_of(sock: socket.socket) -> Address:
    return Address.of(*sock.getsockname())


def test_direct_mode_has_no_via_and_no_header(sockets):
    ours, client = sockets
    batch = DatagramBatch(ours.fileno())
    client.sendto(DTLS, ours.getsockname())
    [received] = batch.receive()
    assert received == ReceivedDatagram(DTLS, Path(address_of(client)), Kind.DTLS)
    assert batch.send([(b"answer", received.path, None)]) == 1
    assert client.recv(100) == b"answer"
    assert (batch.received, batch.sent, dict(batch.drops)) == (1, 1, {})


def test_proxied_datagrams_carry_client_relay_and_proxy(sockets):
    """A8, A10: the tuple is the header's client; replies copy the header."""
    ours, relay = sockets
    batch = DatagramBatch(ours.fileno(), [ip_network("127.0.0.0/8")])
    relay.sendto(spp.build(CLIENT, PROXY) + DTLS, ours.getsockname())
    [received] = batch.receive()
    assert received.path == Path(CLIENT, Via(address_of(relay), PROXY))
    assert received.payload == DTLS
    batch.send([(b"answer", received.path, None)])
    assert relay.recv(100) == spp.build(CLIENT, PROXY) + b"answer"


def test_headers_are_taken_from_listed_networks_only(sockets):
    """A9: a header from elsewhere is nobody's; without a header a listed source is refused too."""
    ours, relay = sockets
    elsewhere = DatagramBatch(ours.fileno(), [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])
    relay.sendto(spp.build(CLIENT, PROXY) + DTLS, ours.getsockname())
    assert elsewhere.receive() == []
    assert elsewhere.drops == {DropReason.SOURCE_NOT_LISTED: 1}
    listed = DatagramBatch(ours.fileno(), [ip_network("127.0.0.1/32")])
    relay.sendto(DTLS, ours.getsockname())
    relay.sendto(spp.build(CLIENT, PROXY) * 2 + DTLS, ours.getsockname())
    assert listed.receive() == []
    assert listed.drops == {DropReason.SPP_MALFORMED: 1, DropReason.SPP_NESTED: 1}


def test_in_direct_mode_a_header_is_an_ordinary_first_octet(sockets):
    """A9: 0x56 is of no class."""
    ours, client = sockets
    batch = DatagramBatch(ours.fileno())
    client.sendto(spp.build(CLIENT, PROXY) + DTLS, ours.getsockname())
    assert batch.receive() == []
    assert batch.drops == {DropReason.FIRST_OCTET: 1}


def test_more_than_one_batch_goes_out_in_order_and_refusals_are_counted(sockets):
    ours, client = sockets
    batch = DatagramBatch(ours.fileno())
    path = Path(address_of(client))
    datagrams = [(bytes([i]), path, None) for i in range(150)]
    datagrams[70] = (bytes(3000), path, None)
    datagrams[71] = (b"x", Path(Address.of("127.0.0.1", 0)), None)
    assert batch.send(datagrams) == 148
    assert [client.recv(100)[0] for _ in range(148)] == [i for i in range(150) if i not in (70, 71)]
    assert batch.drops == {DropReason.OVERSIZE: 1, DropReason.SEND_FAILED: 1}


@pytest.mark.parametrize("networks", [None, [ip_network("127.0.0.0/8")]], ids=["direct", "relayed"])
def test_every_length_arrives_and_leaves_whole_or_is_counted(sockets, networks):
    """A13 (transceiver): with the header of a relay too."""
    ours, theirs = sockets
    batch = DatagramBatch(ours.fileno(), networks)
    header = b"" if networks is None else spp.build(CLIENT, PROXY)
    for size in (1200, 1434, 1435, 1472):
        payload = DTLS + bytes(size - len(DTLS))
        theirs.sendto(header + payload, ours.getsockname())
        [received] = batch.receive()
        assert received.payload == payload
        assert batch.send([(payload, received.path, None)]) == 1
        assert theirs.recv(4096) == header + payload
    theirs.sendto(header + DTLS + bytes(2100), ours.getsockname())
    assert batch.receive() == []
    assert batch.drops == {DropReason.OVERSIZE: 1}


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.3"])
@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_on_a_wildcard_address_a_path_knows_where_the_client_sent_to(wildcard, host):
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in wildcard else socket.AF_INET
        ours = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        if family == socket.AF_INET6:
            ours.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        ours.bind((wildcard, 0))
        client = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        client.settimeout(2)
        port = ours.getsockname()[1]
        client.sendto(DTLS, (host, port))
        batch = DatagramBatch(ours.fileno())
        [received] = batch.receive()
        assert received.path.client.port == client.getsockname()[1]
        assert received.path.via == Via(Address(bytes(16), 0), Address.of(host, port))
        assert batch.send([(b"known", received.path, None), (b"any", Path(received.path.client), None)]) == 2
        assert client.recvfrom(100) == (b"known", (host, port))
        assert client.recvfrom(100) == (b"any", ("127.0.0.1", port))


def test_in_relay_mode_a_path_without_via_goes_nowhere(sockets):
    ours, client = sockets
    batch = DatagramBatch(ours.fileno(), [ip_network("127.0.0.0/8")])
    assert batch.send([(b"x", Path(address_of(client)), None)]) == 0
    assert batch.drops == {DropReason.SEND_FAILED: 1}
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(100)


def test_equal_paths_of_a_session_are_one_object(sockets):
    """Paths are compared by identity first."""
    ours, client = sockets
    table = NativeSessionTable()
    table.put(*address_of(client), 1, None)
    batch = DatagramBatch(ours.fileno(), table=table)
    for _ in range(2):
        client.sendto(DTLS, ours.getsockname())
    first, second = batch.receive()
    assert first.path is second.path


@pytest.mark.parametrize("networks", [None, [ip_network("127.0.0.1/32")]], ids=["direct", "relayed"])
def test_a_session_that_joins_the_table_is_opened_and_echoed_on_the_socket(sockets, networks):
    """The table is empty when the socket is made; what the echo sends comes from the socket, through the relay."""
    ours, theirs = sockets[0], sockets[1]
    theirs.settimeout(2)
    caller, proxy = Address.of("198.51.100.7", 5000), Address.of("203.0.113.1", 3478)
    path = Path(address_of(theirs)) if networks is None else Path(caller, Via(address_of(theirs), proxy))
    session = EchoingSession(path)
    batch = DatagramBatch(ours.fileno(), networks, session.table)
    header = b"" if networks is None else spp.build(caller, proxy)
    theirs.sendto(header + session.spoken(1), ours.getsockname())
    assert batch.receive() == []
    assert session.heard(theirs.recv(2048)[len(header) :]) == session.payload(1)
    assert (batch.received, batch.sent, batch.is_full, session.source.cdata.received) == (1, 1, False, 1)
    assert batch.now == session.rtp.heard_at == session.rtp.sent_at
