"""Trunks and runs between a running relay and the transceiver's socket: what goes in comes out, as it was.

::

    clients ──► relay ══ trunks or runs ══► transceiver's socket
            ◄──       ◄══ trunks or runs ══
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest

from rtcsplit._native.batch import PATH
from rtcsplit._native.udp import PathSocket
from rtcsplit.drops import DropReason
from rtcsplit.routing.directory import Directory, DirectoryEntry
from rtcsplit.wire import spp
from rtcsplit.wire.network import mapped_network
from tests.relay_bench import DTLS, FIRST, LOOPBACK, Bench, Peer, is_conserved, running

CLIENTS = 4
MAGIC = b"\x56\xed"


def media(client: int, number: int, chance: random.Random) -> bytes:
    """A datagram of RTP's look that names itself, of a length of its own."""
    return (
        b"\x80\x6f" + bytes([client]) + number.to_bytes(4, "big") + chance.randbytes(chance.choice((20, 20, 90, 400)))
    )


def directory(bench: Bench, *, trunk: bool) -> Directory:
    return Directory([DirectoryEntry(FIRST, bench.first.address, trunk=trunk)])


async def opened(bench: Bench) -> list[Peer]:
    """Clients with confirmed flows."""
    clients = [bench.peer() for _ in range(CLIENTS)]
    for client in clients:
        header, via = await bench.open_flow(client=client)
        bench.first.send(header + DTLS, via)
        await client.receive()
    return clients


async def taken(ours: PathSocket, count: int) -> list[tuple[bytes, bytes]]:
    """So many datagrams with their paths, within two seconds; nothing is refused."""
    found: list[tuple[bytes, bytes]] = []
    deadline = asyncio.get_running_loop().time() + 2
    while len(found) < count:
        assert asyncio.get_running_loop().time() < deadline, len(found)
        for path, _, drop, offset, length, *_ in ours.receive():
            assert drop == 0
            found.append((path, bytes(ours.octets[offset : offset + length])))
        await asyncio.sleep(0)
    return found


@pytest.mark.parametrize("trunk", [False, True], ids=["runs", "trunks"])
async def test_all_datagrams_pass_both_ways_as_they_were_in_each_clients_order(trunk):
    chance = random.Random(trunk)
    async with running(coalesce_us=250) as bench:
        clients = await opened(bench)
        bench.relay.replace_directory(directory(bench, trunk=trunk))
        ours = PathSocket(bench.first.sock.fileno(), [mapped_network(LOOPBACK)], trunk_mtu=1500 if trunk else 0)
        paths = {}
        for number in range(30):
            sent = [(index, media(index, number, chance)) for index in range(CLIENTS) for _ in range(3)]
            for index, datagram in sent:
                bench.up(datagram, client=clients[index])
            found = await taken(ours, len(sent))
            by_client = defaultdict(list)
            for path, datagram in found:
                paths[datagram[2]] = path
                by_client[datagram[2]].append(datagram)
            assert by_client == {index: [d for i, d in sent if i == index] for index in range(CLIENTS)}
            back = [(index, media(index, number, chance)) for index in chance.choices(range(CLIENTS), k=12)]
            drops = ours.send([datagram for _, datagram in back], [paths[index] for index, _ in back])
            assert not any(drops)
            for index, datagram in back:
                assert (await clients[index].receive())[0] == datagram
        counters = await bench.settled(public=CLIENTS + 30 * 12, internal=CLIENTS + 30 * 12)
        assert is_conserved(counters)
        assert not counters.drops


async def test_trunks_go_only_where_the_directory_says_so():
    async def company(bench: Bench, clients: list[Peer]) -> list[bytes]:
        for client in clients:
            bench.up(b"\x80\x6f" + bytes(60), client=client)
        await bench.until(lambda counters: counters.public_rx.datagrams % CLIENTS == 0 and is_conserved(counters))
        await asyncio.sleep(0)
        return bench.first.received()

    async with running(coalesce_us=250) as bench:
        clients = await opened(bench)
        bench.first.received()
        for _ in range(20):
            assert all(datagram[:2] == b"\x56\xec" for datagram in await company(bench, clients))
        bench.relay.replace_directory(directory(bench, trunk=True))
        for _ in range(500):
            if any(datagram[:2] == MAGIC for datagram in await company(bench, clients)):
                break
        else:
            pytest.fail("no trunk was seen")


async def test_a_trunk_from_a_transceiver_is_read_and_a_broken_one_is_a_drop():
    async with running() as bench:
        header, via = await bench.open_flow()
        records = [header + DTLS, header + b"\x80\x6f" + bytes(30), header + DTLS]
        trunk = MAGIC + bytes([1, 3]) + b"".join(len(r).to_bytes(2, "big") + r for r in records)
        bench.first.send(trunk, via)
        for record in records:
            assert (await bench.client.receive())[0] == record[spp.SIZE :]
        bench.first.send(trunk[:-1], via)
        bench.first.send(trunk + b"\x00", via)
        bench.first.send(MAGIC, via)
        counters = await bench.settled(internal=3 + 3)
        assert counters.drops == {DropReason.TRUNK_MALFORMED: 3}


async def test_a_transceivers_socket_reads_trunks_and_plain_datagrams():
    async with running() as bench:
        header, _ = await bench.open_flow()
        stranger = bench.peer()
        ours = PathSocket(bench.first.sock.fileno(), [mapped_network(LOOPBACK)])
        record = header + b"\x80\x6f" + bytes(30)
        trunk = MAGIC + bytes([1, 2]) + 2 * (len(record).to_bytes(2, "big") + record)
        for datagram in (record, trunk, record, trunk[:-1]):
            stranger.send(datagram, bench.first.address)
        facts: list[tuple[object, ...]] = []
        for _ in range(100):
            facts += list(ours.receive())
            await asyncio.sleep(0)
        assert [fact[2] for fact in facts] == [0, 0, 0, 0, DropReason.TRUNK_MALFORMED]
        assert len({fact[0] for fact in facts[:4]}) == 1
        assert PATH.size == len(facts[0][0])  # type: ignore[arg-type]
