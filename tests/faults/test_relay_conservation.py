"""Every datagram is forwarded or counted under one reason, exactly, over a great many of every sort.

::

    clients (one with a flow, one without) ──►          ──► transceiver (listed)
                                            relay, 2 workers
                          clients' answers ◄──          ◄── transceiver, and a stranger on the internal side

Paced, the next burst goes out when the relay has counted the last one, so that no socket buffer overflows. A flood is
not: then what the kernel drops at the socket is part of the account.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterable

import pytest

from rtcsplit._native.batch import BATCH, PATH
from rtcsplit._native.udp import PathSocket
from rtcsplit.drops import DropReason
from rtcsplit.routing.hint import Route
from rtcsplit.wire import spp, stun
from rtcsplit.wire.address import Address
from rtcsplit.wire.stun import MessageClass
from tests.flooding import flood, softnet_drops
from tests.mixed_calls import Mixed, talking
from tests.processes import children, has_standby
from tests.relay_bench import DTLS, FIRST, RTCP, RTP, Bench, Peer, check, is_conserved, request, running, success, ufrag

BURST = 8 * BATCH


class Sort:
    """Datagrams of one sort: who sends them, and what becomes of them (None: forwarded)."""

    def __init__(self, sender: str, reason: DropReason | None, *datagrams: bytes) -> None:
        self.sender, self.reason, self.datagrams = sender, reason, datagrams


def uplink_sorts() -> list[Sort]:
    name = ufrag(FIRST).encode()
    session = request(name + b":peer")
    broken = session[:22] + b"\xff\xff" + session[24:]  # USERNAME leaves the message
    return [
        Sort("client", None, RTP, RTP + bytes(100), RTCP, DTLS, b"\x80" + bytes(1471), session),
        Sort("client", DropReason.FIRST_OCTET, b"\x40" * 30, b"\xff", b"\x56\xec" + bytes(60)),
        Sort("client", DropReason.TOO_SHORT, b"", b"\x80", bytes(19), DTLS[:12]),
        Sort("client", DropReason.STUN_MALFORMED, bytes(20), session[:-4], broken, session + b"\0"),
        Sort("client", DropReason.OVERSIZE, b"\x80" + bytes(2048), bytes(9000)),
        Sort("client", DropReason.USERNAME_INVALID, request(b"x"), request(name), request(name + b":a:b")),
        Sort("client", DropReason.HINT_INVALID, request(b"A" * 24 + b":x"), request(name[::-1] + b":x")),
        Sort("client", DropReason.NO_ROUTE, check(Route(7, 7))),
        Sort("stranger", DropReason.NO_FLOW, RTP, DTLS, RTCP, success()),
        Sort("stranger", DropReason.NO_FLOW, stun.build(MessageClass.REQUEST, 3, b"transaction.")),
        Sort("stranger", DropReason.STUN_FINGERPRINT, not_last_fingerprint()),
    ]


def not_last_fingerprint() -> bytes:
    body = bytes.fromhex("8028000400000000") + bytes.fromhex("802200040000000a")
    return b"\x00\x01" + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + bytes(12) + body


def downlink_sorts(client: Address, stranger: Address, relay: Address) -> list[Sort]:
    header = spp.build(client, relay)
    return [
        Sort("transceiver", None, *(header + datagram for datagram in (RTP, DTLS, RTCP, success()))),
        Sort("transceiver", DropReason.SPP_MALFORMED, b"", header[:37], RTP),
        Sort("transceiver", DropReason.SPP_NESTED, header + header + RTP),
        Sort("transceiver", DropReason.CLIENT_DENIED, spp.build(relay, relay) + RTP),
        Sort("transceiver", DropReason.CLIENT_DENIED, spp.build(Address.of("0.0.0.0", 9), relay) + RTP),
        Sort("transceiver", DropReason.PROXY_FOREIGN, spp.build(client, stranger) + RTP),
        Sort("transceiver", DropReason.STUN_UNSOLICITED, spp.build(stranger, relay) + success()),
        Sort("transceiver", DropReason.TOO_SHORT, header, header + b"\x80"),
        Sort("transceiver", DropReason.OVERSIZE, header + b"\x80" + bytes(2048)),
        Sort("intruder", DropReason.SOURCE_NOT_LISTED, header + RTP, b"", RTP),
    ]


class Sender:
    """A socket that sends many datagrams to one address with few system calls."""

    def __init__(self, peer: Peer, to: Address) -> None:
        self._peer, self._to = peer, to
        self._batches = PathSocket(peer.sock.fileno(), None)
        self._path = PATH.pack(*to, bytes(16), 0, bytes(16), 0)

    def send(self, datagrams: list[bytes]) -> None:
        for datagram in (datagram for datagram in datagrams if len(datagram) > 2048):
            self._peer.send(datagram, self._to)
        fitting = [datagram for datagram in datagrams if len(datagram) <= 2048]
        for start in range(0, len(fitting), BATCH):
            batch = fitting[start : start + BATCH]
            assert not any(self._batches.send(batch, [self._path] * len(batch)))


async def send_mixed(
    bench: Bench, senders: dict[str, Sender], sorts: list[Sort], count: int, *, is_uplink: bool, sinks: Iterable[Peer]
) -> Counter[DropReason | None]:
    """Send a seeded mix in bursts; returns how many of each fate were sent."""
    rng = random.Random(count)
    sent: Counter[DropReason | None] = Counter()
    before = bench.relay.counters()
    side = before.public_rx if is_uplink else before.internal_rx
    total = side.datagrams
    for start in range(0, count, BURST):
        burst: dict[str, list[bytes]] = {name: [] for name in senders}
        for sort in rng.choices(sorts, k=min(BURST, count - start)):
            burst[sort.sender].append(rng.choice(sort.datagrams))
            sent[sort.reason] += 1
        for name, datagrams in burst.items():
            senders[name].send(datagrams)
            total += len(datagrams)
            await bench.settled(**{"public" if is_uplink else "internal": total})
        for sink in sinks:
            sink.received()
    return sent


@pytest.mark.parametrize("count", [50_000, pytest.param(1_000_000, marks=pytest.mark.long)])
async def test_datagrams_in_are_datagrams_out_and_named_drops(count):
    """10^6 mixed datagrams (a twentieth of that in the quick run), both directions: each fate as often as sent."""
    async with running(workers=2) as bench:
        header, via = await bench.open_flow()
        bench.first.send(header + DTLS, via)
        await bench.client.receive()
        stranger, intruder = bench.peer(), bench.peer()
        start = await bench.settled()
        clients = {
            "client": Sender(bench.client, bench.relay.address),
            "stranger": Sender(stranger, bench.relay.address),
        }
        internals = {"transceiver": Sender(bench.first, via), "intruder": Sender(intruder, via)}
        downward = downlink_sorts(bench.client.address, stranger.address, bench.relay.address)
        sinks = [bench.first, bench.client]
        fates: Counter[DropReason | None] = Counter()
        for _ in range(10):  # in turns, so that the flow stays alive
            fates += await send_mixed(bench, clients, uplink_sorts(), count // 20, is_uplink=True, sinks=sinks)
            fates += await send_mixed(bench, internals, downward, count // 20, is_uplink=False, sinks=sinks)
        end = bench.relay.counters()
        assert fates.total() == count
        assert end.drops == {reason: number for reason, number in fates.items() if reason}
        forwarded = end.internal_tx.datagrams - start.internal_tx.datagrams
        forwarded += end.public_tx.datagrams - start.public_tx.datagrams
        assert forwarded == fates[None]
        assert end.socket_overflow == 0
        assert stranger.received() == intruder.received() == []


def flood_mix(seed: int) -> list[bytes]:
    """Of every sort that comes from clients, and of none."""
    rng = random.Random(seed)
    sorts = [datagram for sort in uplink_sorts() for datagram in sort.datagrams]
    return [rng.choice(sorts) if rng.randrange(3) else rng.randbytes(rng.randrange(1473)) for _ in range(8192)]


@pytest.mark.parametrize("count", [100_000, pytest.param(10_000_000, marks=pytest.mark.long)])
async def test_a_flood_is_in_the_account_to_the_last_datagram(count, tmp_path):
    """10^7 datagrams as fast as they go: what was sent was forwarded, dropped by name, or dropped by the kernel."""
    async with running() as bench:
        softnet = softnet_drops()
        made = await flood(tmp_path, flood_mix(count), bench.relay.address.port, count=count)
        counters = await bench.until(lambda of: is_conserved(of) and bench.first.received() == [])
        by_backlog = softnet_drops() - softnet  # of everything on this machine
        counted = counters.public_rx.datagrams + counters.socket_overflow
    print(
        f"\n{made.sent} datagrams at {made.rate:.0f}/s: {counters.internal_tx.datagrams} forwarded, "
        f"{counters.drops.total()} dropped by name, {counters.socket_overflow} by the socket, {by_backlog} before it"
    )
    assert 0 <= made.sent - counted <= by_backlog
    assert counters.public_rx.datagrams == counters.internal_tx.datagrams + counters.drops.total()


@pytest.mark.parametrize(("count", "kills"), [(100_000, 1), pytest.param(2_000_000, 4, marks=pytest.mark.long)])
async def test_a_flood_is_in_the_account_across_deaths(count, kills, tmp_path):
    """With a forwarding process killed in the midst of it, up to a batch for each death is unknown."""
    async with talking(0, 1) as mixed:
        softnet, port = softnet_drops(), int(mixed.deployment.relay_address.rpartition(":")[2])
        before = await account(mixed)
        flooding = asyncio.ensure_future(flood(tmp_path, flood_mix(count), port, count=count, rate=100_000))
        for _ in range(kills):
            await mixed.until(lambda: has_standby(mixed.deployment.relay.pid))
            await asyncio.sleep(min(2.8, count / 100_000 / 3))
            os.kill(children(mixed.deployment.relay.pid)[0], signal.SIGKILL)
        made = await flooding
        await mixed.until(lambda: has_standby(mixed.deployment.relay.pid))
        received, decided, overflow = (now - then for now, then in zip(await account(mixed), before, strict=True))
        by_backlog = softnet_drops() - softnet
        in_flight = (await mixed.reading()).drops.get("crash_in_flight", 0)
    unknown = made.sent - received - overflow
    print(
        f"\n{made.sent} datagrams, {kills} deaths: {unknown} unknown, {in_flight} named in flight, {overflow} overflow"
    )
    assert received == decided
    assert 0 <= unknown <= BATCH * kills + by_backlog
    assert in_flight <= BATCH * kills


async def account(mixed: Mixed) -> tuple[int, int, int]:
    """Datagrams received, sent or dropped by name, and dropped by the kernel, both directions."""
    reading = await mixed.reading()
    received = reading.datagrams["public rx"] + reading.datagrams["internal rx"]
    decided = reading.datagrams["public tx"] + reading.datagrams["internal tx"] + sum(reading.drops.values())
    return received, decided, await mixed.sum_of("rtcsplit_socket_overflow_total")
