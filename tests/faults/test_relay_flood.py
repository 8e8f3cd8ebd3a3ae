"""Floods from spoofed addresses cannot fill, push out, confirm or reflect (T10, T11, T13, T15).

::

    10^4 spoofed clients ──► relay (decisions on virtual time; and a running one) ──► transceivers
    one honest client    ──►
"""

from __future__ import annotations

import random

from rtcsplit.drops import DropReason
from rtcsplit.wire.address import Address
from tests.relay_bench import DTLS, FIRST, INTERNAL, RTP, SECOND, check, decisions, request, running, success, ufrag

SPOOFED = [
    Address.of(f"198.{18 + number % 2}.{number >> 8 & 255}.{number & 255}", 1024 + number) for number in range(10_000)
]


def test_one_ufrag_from_ten_thousand_addresses_makes_sixteen_flows():
    """T11: in one second, over four workers, while a call goes on."""
    with decisions(workers=4) as relay:
        relay.up(check())
        relay.down(DTLS)
        datagram = request(ufrag() + ":peer")
        routed = 0
        for number, client in enumerate(SPOOFED):
            relay.now_ms += number % 10 == 9
            [outcome] = relay.up(datagram, client=client, worker=number % 4)
            routed += outcome == (datagram, INTERNAL[FIRST])
            assert routed or outcome is DropReason.UFRAG_RATE
        embryonic, confirmed = relay.flows()
        assert (embryonic, confirmed) == (1 + 16, 1)
        assert routed <= 16 + 2 * 4 * 13
        assert relay.up(RTP) == [(RTP, INTERNAL[FIRST])]


def test_media_and_answers_from_ten_thousand_addresses_make_no_flow():
    """T10: nothing is routed, nothing is kept."""
    rng = random.Random(10)
    with decisions() as relay:
        for client in SPOOFED:
            datagram = rng.choice([RTP, DTLS, success(), request(b"A" * 24 + b":x"), request("nobody")])
            assert isinstance(relay.up(datagram, client=client)[0], DropReason)
        assert relay.flows() == (0, 0)
        assert relay.events() == {}


def test_a_victims_flow_survives_requests_in_its_name():
    """T12: the attacker's own valid ufrag of another transceiver, with the victim's address, for a minute."""
    with decisions() as relay:
        relay.up(check(FIRST))
        relay.down(DTLS)
        for _ in range(60):
            relay.now_ms += 1000
            attack = check(SECOND)
            assert relay.up(attack, RTP) == [(attack, INTERNAL[SECOND]), (RTP, INTERNAL[FIRST])]
            assert relay.down(DTLS, route=SECOND) == [DropReason.FLOW_CONFLICT]
            relay.down(RTP)
        assert relay.events()["flow_conflict"] == 60


def test_many_valid_ufrags_push_out_no_confirmed_flow():
    """T11, T13: a client with 10^4 sessions of its own fills the embryonic region, and others' calls go on."""
    with decisions() as relay:
        honest = SPOOFED[:200]
        for client in honest:
            relay.up(check(), client=client)
            relay.down(DTLS, client=client)
        for client in SPOOFED[200:]:
            relay.up(check(SECOND), client=client)
        assert all(relay.up(RTP, client=client) == [(RTP, INTERNAL[FIRST])] for client in honest)
        assert relay.flows()[1] == 200


async def test_a_running_relay_under_a_flood_still_sets_up_calls():
    """T11: 10^4 requests of one ufrag through real sockets; then somebody else calls."""
    async with running(workers=2) as bench:
        datagram = request(ufrag() + ":peer")
        sent = 0
        for _ in range(10):
            flooders = [bench.peer() for _ in range(100)]
            for flooder in flooders:
                bench.up(*[datagram] * 10, client=flooder)
            sent += 1000
            await bench.settled(public=sent)
            bench.first.received()
            for flooder in flooders:
                flooder.sock.close()
        # Two workers may add the last one at the same time; who takes its own back leaves a slot to the next sweep.
        counters = await bench.until(lambda seen: seen.embryonic_flows == seen.flow_events["created"])
        assert counters.embryonic_flows <= 16
        assert counters.drops.keys() == {DropReason.UFRAG_RATE}
        assert counters.public_tx.datagrams == 0
        header, via = await bench.open_flow()
        bench.first.send(header + DTLS, via)
        assert (await bench.client.receive())[0] == DTLS
