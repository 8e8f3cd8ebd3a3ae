"""Floods from a million addresses while calls go on (T10, T11, T13).

::

    flood, 127.16.0.0 .. 127.31.255.255 ──►
    real and synthetic calls ─────────────► rtcsplit relay ──► rtcsplit transceiver, and a socket of ours

The long form floods with 70 % of what the relay forwards without loss, as measured just before. Generator, calls, relay
and transceiver share the machine's CPUs, so the rate that was reached is printed beside what was asked for.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from pathlib import Path

import pytest

from rtcsplit.cli.demo.counters import RelayReading
from rtcsplit.routing.hint import Route
from rtcsplit.wire.address import Address
from tests.flooding import FIRST_SOURCE, Flood, flood
from tests.mixed_calls import Mixed, talking
from tests.processes import children
from tests.relay_bench import DTLS, RTCP, RTP, Peer, request, ufrag

REFUSALS_PER_S = 50  # of a transceiver, to requests that are not authentic
LONG = [pytest.mark.long, pytest.mark.timeout(300)]
TRANSCEIVER = Route(1, 1)  # the real one


def random_octets(mixed: Mixed, rng: random.Random) -> list[bytes]:
    return [rng.randbytes(rng.randrange(1473)) for _ in range(4096)]


def wrong_tags(mixed: Mixed, rng: random.Random) -> list[bytes]:
    """Requests as a client makes them, with a hint of another key."""
    names = [ufrag(TRANSCEIVER) for _ in range(4096)]
    return [request(f"{name}:peer", rng.randbytes(12)) for name in names]


def one_ufrag(mixed: Mixed, rng: random.Random) -> list[bytes]:
    """Requests for one session of the real transceiver, whose password the sender does not know."""
    name = ufrag(TRANSCEIVER, mixed.calls.keys)
    return [request(f"{name}:peer", rng.randbytes(12)) for _ in range(4096)]


def media_of_strangers(mixed: Mixed, rng: random.Random) -> list[bytes]:
    return [rng.choice([DTLS, RTP, RTCP])[:4] + rng.randbytes(rng.randrange(40, 1200)) for _ in range(4096)]


KINDS = [random_octets, wrong_tags, one_ufrag, media_of_strangers]


async def loss_free_rate(mixed: Mixed, folder: Path) -> int:
    """Datagrams per second that the relay forwards when it gets as many as it can."""
    listen = Address.parse(mixed.deployment.relay_address)
    source = Peer(FIRST_SOURCE)
    port = source.address.port
    [call] = mixed.calls.calls[:1]
    name = ufrag(mixed.calls.route, mixed.calls.keys)
    source.send(request(f"{name}:peer"), listen)
    await asyncio.sleep(0.1)  # it has its flow, which the synthetic transceiver confirms
    assert call.via is not None
    mixed.calls.transceiver.send(mixed.calls.last_header + RTP, call.via)
    await asyncio.sleep(0.1)
    source.sock.close()
    before = (await mixed.reading()).datagrams["internal tx"]
    made = await flood(folder, [RTP + bytes(160)], listen.port, count=400_000, sources=1, port=port)
    return int(((await mixed.reading()).datagrams["internal tx"] - before) / made.seconds)


async def under_flood(
    mixed: Mixed, folder: Path, datagrams: list[bytes], rate: int, seconds: float
) -> tuple[Flood, list[float]]:
    """Let everybody talk while a flood comes in; returns it, and the delays of audio meanwhile."""
    listen = Address.parse(mixed.deployment.relay_address)
    mixed.calls.delays.clear()
    made = asyncio.ensure_future(flood(folder, datagrams, listen.port, count=int(rate * seconds), rate=rate))
    await mixed.run(seconds)
    return await made, mixed.calls.delays[:]


def p99(delays: list[float]) -> float:
    return sorted(delays)[len(delays) * 99 // 100]


def memory(mixed: Mixed) -> int:
    """KiB that the forwarding process has of its own or shares."""
    status = Path(f"/proc/{children(mixed.deployment.relay.pid)[0]}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def bound_of(before: RelayReading, after: RelayReading, kind: object) -> None:
    """What a flood may change: sixteen embryonic flows where it has a valid ufrag."""
    assert after.flows["confirmed"] == before.flows["confirmed"]
    assert after.flow_events.get("confirmed", 0) == before.flow_events.get("confirmed", 0)
    created = after.flow_events.get("created", 0) - before.flow_events.get("created", 0)
    assert created <= (16 if kind is one_ufrag else 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flood_makes_no_flow_and_gets_no_answer(kind, tmp_path) -> None:
    async with talking(1, 3) as mixed:
        before = await mixed.reading()
        made, _ = await under_flood(mixed, tmp_path, kind(mixed, random.Random(1)), 4000, 0.5)
        after = await mixed.reading()
        await mixed.assert_all_talk()
    assert made.sent == 2000
    assert made.answered <= (REFUSALS_PER_S * 2 if kind is one_ufrag else 0)
    bound_of(before, after, kind)


@pytest.mark.parametrize("seconds", [pytest.param(5.0, marks=LONG)])
async def test_calls_do_not_notice_floods(seconds, tmp_path, is_long) -> None:
    """Each kind of flood for some seconds, and as long in peace before it."""
    async with talking(10, 190) as mixed:
        best = await loss_free_rate(mixed, tmp_path)
        rate = best * 7 // 10
        print(f"\nloss-free {best}/s, floods at {rate}/s, {190 + 10} calls")
        for kind in KINDS:
            datagrams = kind(mixed, random.Random(secrets.randbits(32)))
            await under_flood(mixed, tmp_path, datagrams, rate, 0.3)  # what is touched once is not counted as growth
            _, peace = await under_flood(mixed, tmp_path, datagrams, 1, seconds)
            before, rss = await mixed.reading(), memory(mixed)
            for call in mixed.calls.calls:
                call.forget()
            made, delays = await under_flood(mixed, tmp_path, datagrams, rate, seconds)
            after, grown = await mixed.reading(), memory(mixed) - rss
            sent = sum(call.up.sent + call.down.sent for call in mixed.calls.calls)
            lost = mixed.calls.lost / sent
            print(
                f"{kind.__name__}: {made.rate:.0f}/s, {made.answered / made.seconds:.0f} answers/s; calls lost "
                f"{100 * lost:.2f} %, p99 {1000 * p99(peace):.1f} -> {1000 * p99(delays):.1f} ms, memory {grown:+} KiB"
            )
            bound_of(before, after, kind)
            assert made.answered <= (REFUSALS_PER_S * (made.seconds + 1) if kind is one_ufrag else 0)
            assert lost <= 0.005
            assert p99(delays) - p99(peace) <= 0.005
            assert grown <= 1024
        await mixed.assert_all_talk()
