"""Clients' datagrams through a running relay: what is forwarded, what is dropped, and which counter moves."""

from __future__ import annotations

import base64
import os
import random
import struct
import time

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.wire import spp, stun
from rtcsplit.wire.stun import Attribute, MessageClass
from tests.relay_bench import DTLS, FIRST, RTCP, RTP, SECOND, Bench, check, request, running, success, ufrag

TRANSACTION = b"transaction."


def message(message_type: int, body: bytes, *, length: int | None = None, cookie: int = 0x2112A442) -> bytes:
    """A STUN message whose header need not fit."""
    return struct.pack("!HHI", message_type, len(body) if length is None else length, cookie) + TRANSACTION + body


def attribute(attribute_type: int, value: bytes) -> bytes:
    return struct.pack("!HH", attribute_type, len(value)) + value + bytes(-len(value) % 4)


async def drops_of(bench: Bench, *datagrams: bytes) -> dict[DropReason, int]:
    """Send datagrams, none of which may arrive or be answered; return what was counted."""
    before = await bench.settled()
    bench.up(*datagrams)
    after = await bench.settled(public=before.public_rx.datagrams + len(datagrams))
    assert bench.first.received() == bench.second.received() == bench.client.received() == []
    assert after.internal_tx == before.internal_tx
    return dict(after.drops - before.drops)


async def test_first_octets_of_no_kind_are_dropped_and_the_others_forwarded():
    """A1: 112 values pass on a bound tuple, 144 are dropped unparsed and unanswered."""
    async with running() as bench:
        await bench.open_flow()
        passed = dropped = 0
        for first in range(256):
            # a STUN indication's second octet and length; for the other kinds just octets
            datagram = bytes([first, 0x11]) + message(0, b"")[2:]
            bench.up(datagram)
        counters = await bench.settled(public=257)
        for datagram in bench.first.received():
            first = datagram[spp.SIZE]
            assert first < 4 or 20 <= first < 64 or 128 <= first < 192
            passed += 1
        dropped = counters.drops[DropReason.FIRST_OCTET]
        assert (passed, dropped) == (112, 144)
        assert counters.workers[0].classified == {"stun": 5, "dtls": 44, "rtp": 64, "rtcp": 0, "other": 144}
        assert bench.client.received() == []


@pytest.mark.parametrize(
    ("datagram", "shortest"),
    [(message(0x0011, b"") + bytes(44), 20), (DTLS, 13), (RTP, 12), (RTCP, 8)],
    ids=["stun", "dtls", "rtp", "rtcp"],
)
async def test_datagrams_shorter_than_their_kind_reach_no_parser(datagram, shortest):
    """A2: lengths 0..64 of each class."""
    async with running() as bench:
        await bench.open_flow()
        for length in range(65):
            bench.up(datagram[:length])
        counters = await bench.settled(public=66)
        assert counters.drops[DropReason.TOO_SHORT] == shortest
        expected = 0 if datagram[0] < 4 else 65 - shortest
        if datagram[0] < 4:  # the one length that its header tells
            expected = 1
            assert counters.drops[DropReason.STUN_MALFORMED] == 65 - shortest - 1
        assert len(bench.first.received()) == expected


async def test_stun_needs_its_cookie_and_its_length():
    """A3: wrong cookie, length 4 more, 4 less, and no multiple of four, on a bound tuple."""
    async with running() as bench:
        await bench.open_flow()
        body = attribute(Attribute.PRIORITY, bytes(4))
        bad = [
            message(0x0011, body, cookie=0x2112A443),
            message(0x0011, body, length=len(body) + 4),
            message(0x0011, body, length=len(body) - 4),
            message(0x0011, body + b"xyz"),
        ]
        assert await drops_of(bench, *bad) == {DropReason.STUN_MALFORMED: 4}


async def test_only_a_request_with_a_hint_opens_a_tuple():
    """A5: everything else from a fresh tuple: no packet out, no flow."""
    async with running() as bench:
        indication = stun.build(MessageClass.INDICATION, 1, TRANSACTION)
        error = stun.build(MessageClass.ERROR_RESPONSE, 1, TRANSACTION)
        allocate = stun.build(MessageClass.REQUEST, 3, TRANSACTION, [(Attribute.USERNAME, ufrag().encode() + b":x")])
        datagrams = [DTLS, RTP, RTCP, indication, success(), error, allocate]
        assert await drops_of(bench, *datagrams) == {DropReason.NO_FLOW: 7}
        counters = bench.relay.counters()
        assert (counters.embryonic_flows, counters.confirmed_flows) == (0, 0)


async def test_after_a_flow_exists_payloads_arrive_untouched():
    """A6: 1,000 random DTLS and RTP payloads, byte for byte behind the 38-octet header."""
    rng = random.Random(6)
    async with running() as bench:
        header, via = await bench.open_flow()
        sent = []
        for index in range(1000):
            first = rng.choice([*range(20, 64), *range(128, 192)])
            sent.append(bytes([first]) + rng.randbytes(rng.randrange(12, 1400)))
            bench.up(sent[-1])
            if index % 100 == 99:
                await bench.settled(public=2 + index)
        received = [(await bench.first.receive()) for _ in sent]
        assert received == [(header + datagram, via) for datagram in sent]


async def test_each_request_goes_by_its_own_hint():
    """A7: one tuple, two ufrags of two transceivers; the flow stays where it was."""
    async with running() as bench:
        header, via = await bench.open_flow(FIRST)
        bench.first.send(header + DTLS, via)
        await bench.client.receive()
        for route, peer in ((FIRST, bench.first), (SECOND, bench.second)) * 2:
            datagram = check(route)
            bench.up(datagram)
            assert (await peer.receive())[0] == header + datagram
        bench.up(RTP)
        assert (await bench.first.receive())[0] == header + RTP
        counters = await bench.settled(public=6)
        assert counters.flow_events["flow_conflict"] == 2
        assert not counters.drops


async def test_the_header_on_the_public_side_is_an_ordinary_first_octet():
    """A9: never stripped there, whatever follows."""
    async with running() as bench:
        proxied = spp.build(bench.client.address, bench.relay.address) + check()
        assert await drops_of(bench, proxied) == {DropReason.FIRST_OCTET: 1}


async def test_two_clients_keep_their_addresses():
    """A10 (relay): the header names each client, never the relay."""
    async with running() as bench:
        clients = [bench.peer(), bench.peer("127.0.0.3")]
        for client in clients:
            header, _ = await bench.open_flow(client=client)
            assert spp.parse(header).client == client.address


@pytest.mark.parametrize("size", [1200, 1434, 1435, 1472, 2048])
async def test_large_datagrams_are_forwarded_whole(size):
    """A13 (relay): what fits the buffer arrives whole; what does not is counted."""
    async with running() as bench:
        header, _ = await bench.open_flow()
        datagram = RTP[:2] + os.urandom(size - 2)
        bench.up(datagram)
        assert (await bench.first.receive())[0] == header + datagram
        bench.up(RTP + bytes(2049 - len(RTP)))
        counters = await bench.settled(public=3)
        assert counters.drops == {DropReason.OVERSIZE: 1}


@pytest.mark.parametrize("length", [0, 1, 0xFFFF, 0xFFFD], ids=str)
async def test_an_attribute_that_leaves_the_message_is_dropped(length):
    """B2: the last attribute claims no or one octet more, or nearly wraps."""
    async with running() as bench:
        username = attribute(Attribute.USERNAME, ufrag().encode() + b":peer")
        claimed = {0: 4, 1: 5}.get(length, length)
        last = struct.pack("!HH", 0x8022, claimed) + bytes(4 if length == 1 else 0)
        assert await drops_of(bench, message(1, username + last)) == {DropReason.STUN_MALFORMED: 1}


async def test_the_first_username_counts():
    """B4: the relay and the transceiver read the same one."""
    async with running() as bench:
        names = [attribute(Attribute.USERNAME, ufrag(route).encode() + b":peer") for route in (SECOND, FIRST)]
        datagram = message(1, b"".join(names))
        bench.up(datagram)
        assert (await bench.second.receive())[0][spp.SIZE :] == datagram
        assert stun.server_ufrag(datagram) == names[0][4:28].decode()


async def test_a_username_after_message_integrity_does_not_exist():
    """B9 (relay)."""
    async with running() as bench:
        integrity = attribute(Attribute.MESSAGE_INTEGRITY, bytes(20))
        username = attribute(Attribute.USERNAME, ufrag().encode() + b":peer")
        assert await drops_of(bench, message(1, integrity + username)) == {DropReason.USERNAME_INVALID: 1}


@pytest.mark.parametrize("length", [0, 1, 508, 509, 513, 763])
async def test_usernames_are_read_up_to_508_octets(length):
    """B20: 24 octets, a colon and up to 483 more; longer ones are invalid."""
    async with running() as bench:
        name = (ufrag().encode() + b":" + b"x" * 800)[:length]
        datagram = message(1, attribute(Attribute.USERNAME, name))
        if length == 508:
            bench.up(datagram)
            assert (await bench.first.receive())[0][spp.SIZE :] == datagram
        else:
            assert await drops_of(bench, datagram) == {DropReason.USERNAME_INVALID: 1}


async def test_a_username_of_65535_octets_cannot_be_there():
    """B20: its length alone leaves the message."""
    async with running() as bench:
        body = struct.pack("!HH", Attribute.USERNAME, 65535) + bytes(1000)
        assert await drops_of(bench, message(1, body)) == {DropReason.STUN_MALFORMED: 1}


USERNAMES = {
    "no left part": lambda hint: b":x",
    "no right part": lambda hint: hint + b":",
    "no colon": lambda hint: hint,
    "two colons": lambda hint: hint + b":y:z",
    "NUL": lambda hint: hint + b":a\0b",
    "NUL inside": lambda hint: hint[:5] + b"\0" + hint[6:] + b":peer",
    "23 characters": lambda hint: hint[:-1] + b":peer",
    "25 characters": lambda hint: hint + b"A:peer",
}


@pytest.mark.parametrize("name", USERNAMES)
async def test_usernames_of_another_form_are_dropped(name):
    """B21."""
    async with running() as bench:
        datagram = request(USERNAMES[name](ufrag().encode()))
        assert await drops_of(bench, datagram) == {DropReason.USERNAME_INVALID: 1}


async def test_utf8_on_the_left_does_not_open_and_on_the_right_does_not_matter():
    """B21."""
    async with running() as bench:
        assert await drops_of(bench, request("é" * 12 + ":peer")) == {DropReason.HINT_INVALID: 1}
        bench.up(request(ufrag() + ":päär"))
        await bench.first.receive()


async def test_many_attributes_cost_no_more_than_a_few():
    """B22: 64 are walked; a message with more is refused, whatever they are."""
    async with running() as bench:
        username = attribute(Attribute.USERNAME, ufrag().encode() + b":peer")
        for count, is_taken in ((63, True), (64, False), (330, False)):
            datagram = message(1, username + attribute(0x8000, b"") * count)
            if is_taken:
                bench.up(datagram)
                assert (await bench.first.receive())[0][spp.SIZE :] == datagram
            else:
                assert await drops_of(bench, datagram) == {DropReason.STUN_MALFORMED: 1}


def test_1400_octets_of_empty_attributes_cost_no_more_than_three_checks():
    """B22: the work is bounded by the walk, not by the packet (the best of several rounds, to be fair to both)."""
    ordinary = check()
    stuffed = message(1, attribute(0x8000, b"") * 345)

    def cost(datagram: bytes) -> float:
        best = 1.0
        for _ in range(7):
            started = time.process_time()
            for _ in range(2000):
                stun.server_ufrag(datagram)
            best = min(best, time.process_time() - started)
        return best

    assert cost(stuffed) <= 3 * cost(ordinary)


async def test_the_relay_answers_nobody_and_changes_no_message():
    """B24: what arrives equals what was sent; no packet to a client without one of the transceiver."""
    async with running() as bench:
        datagrams = [check(), request(ufrag() + ":peer"), check(SECOND), b"", bytes(20), DTLS, RTP]
        bench.up(*datagrams)
        await bench.settled(public=len(datagrams))
        arrived = [datagram[spp.SIZE :] for datagram in bench.first.received() + bench.second.received()]
        assert sorted(arrived) == sorted([*datagrams[:3], DTLS, RTP])
        assert bench.client.received() == []
        assert bench.relay.counters().public_tx.datagrams == 0


async def test_a_hint_with_one_character_changed_does_not_open():
    """C21: each of the 24 characters, each other character of the alphabet; no flow, no packet, no answer."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    hint = ufrag().encode()
    # The first character holds version and key id; every other one at least a bit of what the tag covers.
    changed = [hint[:i] + bytes([other]) + hint[i + 1 :] for i in range(24) for other in alphabet if other != hint[i]]
    assert len(changed) == 24 * 63
    async with running() as bench:
        dropped: dict[DropReason, int] = {}
        for start in range(0, len(changed), 100):
            batch = [request(name + b":peer") for name in changed[start : start + 100]]
            for reason, count in (await drops_of(bench, *batch)).items():
                dropped[reason] = dropped.get(reason, 0) + count
        assert dropped == {DropReason.HINT_INVALID: len(changed)}
        assert bench.relay.counters().embryonic_flows == 0


@pytest.mark.parametrize("version", [0, 2, 15])
async def test_a_hint_of_another_version_or_key_does_not_open(version):
    """C21."""
    raw = base64.b64decode(ufrag())
    async with running() as bench:
        other_version = base64.b64encode(bytes([version << 4 | raw[0] & 15]) + raw[1:])
        other_key = base64.b64encode(bytes([raw[0] ^ 8]) + raw[1:])
        datagrams = [request(name + b":peer") for name in (other_version, other_key)]
        assert await drops_of(bench, *datagrams) == {DropReason.HINT_INVALID: 2}


async def test_a_hint_to_a_transceiver_not_listed_is_not_routed():
    """T7: an authentic hint names an entry of the directory or nothing."""
    from rtcsplit.routing.hint import Route

    async with running() as bench:
        assert await drops_of(bench, check(Route(1, 3)), check(Route(2, 1))) == {DropReason.NO_ROUTE: 2}
