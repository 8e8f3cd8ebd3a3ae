"""A relay that dies and comes back with the same addresses: the call goes on without signaling.

::

    client ──► relay (same public and upstream ports, empty tables) ──► transceiver, which knows nothing of it
"""

from __future__ import annotations

import socket

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.relay_bench import DTLS, RTP, Peer, check, running


@pytest.fixture
def ports() -> tuple[Address, Address]:
    """Two free addresses to come back to."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        for sock in (one, two):
            sock.bind(("127.0.0.1", 0))
        return Address.of(*one.getsockname()), Address.of(*two.getsockname())


async def test_a_call_goes_on_through_a_restarted_relay(ports):
    """The transceiver's next datagram rebuilds the flow; the client need not send a check."""
    listen, upstream = ports
    client = Peer()
    async with running(listen=listen, upstream=upstream) as bench:
        header, via = await bench.open_flow(client=client)
        bench.first.send(header + DTLS, via)
        await client.receive()
    async with running(listen=listen, upstream=upstream) as bench:
        bench.up(RTP, client=client)
        counters = await bench.settled(public=1)
        assert counters.drops == {DropReason.NO_FLOW: 1}
        bench.first.send(header + RTP, via)
        assert await client.receive() == (RTP, listen)
        bench.up(RTP, client=client)
        assert (await bench.first.receive())[0] == header + RTP
    client.sock.close()


async def test_without_downlink_the_next_check_rebuilds_the_flow(ports):
    """A call whose transceiver says nothing: the client's check, at most some seconds later."""
    listen, upstream = ports
    client = Peer()
    async with running(listen=listen, upstream=upstream) as bench:
        await bench.open_flow(client=client)
    async with running(listen=listen, upstream=upstream) as bench:
        bench.up(check(), RTP, client=client)
        datagrams = [(await bench.first.receive())[0][spp.SIZE :] for _ in range(2)]
        assert datagrams[1] == RTP
    client.sock.close()
