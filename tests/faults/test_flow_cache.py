"""The flow cache with a real Redis that is stopped, frozen, emptied and filled with rubbish, under running calls.

::

    clients ──► relay ──► transceiver        audio both ways, one datagram per 20 ms
                  │ mirror, look-ups
                Redis (a process of the test's own)

What is shown: no call notices any of it; a relay with an empty table finds its flows; nothing that lies in Redis makes
a flow of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import ConfigurationError, UsageError
from rtcsplit.relay.flow_cache import FlowCache
from rtcsplit.relay.flow_mirror import flow_key
from rtcsplit.relay.redis_link import RedisLink, RedisSettings
from rtcsplit.relay.relay import Relay
from rtcsplit.routing.hint import RoutingKeys
from tests.redis_faults import FAULTS, fill_with_rubbish, suffering
from tests.redis_server import RedisServer, SlowProxy, redis_server
from tests.relay_bench import KEYS, RTP, SECOND, ufrag
from tests.relay_calls import Calls, calls

SETTINGS = RedisSettings("redis://127.0.0.1:1/0")
MANY = pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.long)])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory):
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(shared: RedisServer):
    with contextlib.closing(shared.client()) as client:
        client.flushall()
    return shared


@contextlib.asynccontextmanager
async def flow_cache(relay: Relay, server: RedisServer | SlowProxy) -> AsyncIterator[FlowCache]:
    link = RedisLink(RedisSettings(server.url))
    async with FlowCache(relay, link) as cache:
        yield cache
    await link.close()


def stored(server: RedisServer) -> list[bytes]:
    with contextlib.closing(server.client()) as client:
        return [client.get(key) for key in client.keys("rtcsplit:flow:*") if client.type(key) == b"string"]


async def until(is_true: Callable[[], object], seconds: float = 5.0) -> float:
    """How long it took until something became true."""
    begun = time.monotonic()
    while not is_true():
        assert time.monotonic() - begun < seconds
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


def key_of(made: Calls, index: int) -> str:
    return flow_key(RedisLink(SETTINGS), made.calls[index].client.address)


def assert_nothing_lost(made: Calls) -> None:
    for call in made.calls:
        assert call.lost == (0, 0)


async def test_confirmed_flows_are_mirrored_under_their_clients(server):
    async with calls(3) as made, flow_cache(made.relay, server) as cache:
        await until(lambda: len(stored(server)) == 3)
        with contextlib.closing(server.client()) as client:
            for index, call in enumerate(made.calls):
                value = client.get(key_of(made, index))
                assert 55 <= client.ttl(key_of(made, index)) <= 61
                hint = KEYS.cache.open(KEYS.native, call.client.address, value, int(time.time()))
                assert hint is not None
                assert hint.raw == KEYS.native.open(call.ufrag.encode()).raw
        await until(lambda: cache.counters().operations["mirror", "stored"] >= 3)  # counted once Redis has answered
        assert cache.counters().is_up
        with pytest.raises(UsageError):
            await cache.__aenter__()


async def test_a_new_flow_is_mirrored_at_once(server):
    async with calls(1) as made, flow_cache(made.relay, server):
        await until(lambda: len(stored(server)) == 1)
        made.check([made.add_call()])
        await made.run(0.1)
        await until(lambda: len(stored(server)) == 2, seconds=1)


@MANY
async def test_a_relay_with_an_empty_table_finds_its_flows_in_redis(server, count, is_long):
    """T16, A5: the transceiver says nothing and no client checks; only the cache can know."""
    async with calls(count) as made:
        async with flow_cache(made.relay, server):
            await until(lambda: len(stored(server)) == count)
            made.is_talking_down = False
            talking = asyncio.ensure_future(made.run(1.5))
            await asyncio.sleep(0.2)
            await made.stop_relay()
        await made.start_relay()
        async with flow_cache(made.relay, server) as cache:
            await talking
            counters = made.relay.counters()
            assert (counters.embryonic_flows, counters.confirmed_flows) == (count, 0)
            assert counters.flow_events["recovered"] == count
            assert cache.counters().operations["lookup", "found"] >= count
            made.is_talking_down = True
            await made.run(0.1)
            assert made.relay.counters().flow_events["confirmed"] == count
    gap = max(call.up.gap for call in made.calls)
    print(f"\n{count} calls, back by Redis: longest gap {1000 * gap:.0f} ms")
    assert gap <= 0.5 or not is_long


@MANY
async def test_a_relay_with_an_empty_table_and_without_redis_learns_from_downlink(count, is_long):
    async with calls(count) as made:
        talking = asyncio.ensure_future(made.run(1.0))
        await asyncio.sleep(0.2)
        await made.stop_relay()
        await made.start_relay()
        await talking
        counters = made.relay.counters()
        assert counters.flow_events["recovered"] == counters.confirmed_flows == count
    gap = max(call.gap for call in made.calls)
    print(f"\n{count} calls, back by downlink: longest gap {1000 * gap:.0f} ms")
    assert gap <= 0.5 or not is_long


async def test_flows_that_were_learned_from_downlink_are_mirrored_after_the_next_check(server):
    """They have no hint before, and nothing but a hint is stored."""
    async with calls(2) as made:
        await made.stop_relay()
        await made.start_relay()
        async with flow_cache(made.relay, server) as cache:
            await made.run(0.3)
            assert cache.counters().is_up
            assert stored(server) == []
            made.check()
            await made.run(0.1)
            await until(lambda: len(stored(server)) == 2)


@MANY
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_call_notices_what_happens_to_redis(server, fault, count, is_long):
    """I13, T16: audio of running calls is not lost; memory stays; the mirror is whole 5 s after Redis is."""
    proxy = SlowProxy(server)
    async with calls(count) as made, proxy.serving(), flow_cache(made.relay, proxy) as cache:
        await until(lambda: mirrored(made, server) == count)
        peace = await gap_of(made, 1.0)
        before = memory()
        async with suffering(server, proxy, fault):
            gap = await gap_of(made, 5.0 if is_long else 1.5)
            if fault in ("flushed", "rubbish"):
                assert cache.counters().is_up
            else:  # the mirror asks when it has something to ask, and gives up a while later, perhaps after the gap
                await until(lambda: not cache.counters().is_up)
        took = await until(lambda: mirrored(made, server) == count)
        assert made.lost == 0
        grown = memory() - before
    gaps = f"p99 gap {1000 * gap:.0f} ms ({1000 * peace:.0f} in peace)"
    print(f"\n{count} calls, Redis {fault}: {gaps}, mirror whole after {took:.1f} s, memory {grown >> 10:+} KiB")
    assert grown < 8 << 20
    if is_long:
        assert took <= 5


async def test_flows_that_were_overwritten_are_stored_again_soon(server):
    """T16: the mark is as it was, so only looking at flows tells."""
    async with calls(20) as made, flow_cache(made.relay, server):
        await until(lambda: mirrored(made, server) == 20)
        with contextlib.closing(server.client()) as client:
            for index in range(20):
                client.set(key_of(made, index), b"something else")
        assert mirrored(made, server) == 0
        await until(lambda: mirrored(made, server) == 20)


async def gap_of(made: Calls, seconds: float) -> float:
    """The p99 over calls while they talk."""
    for call in made.calls:
        call.begin_anew()
    await made.run(seconds)
    gaps = sorted(call.gap for call in made.calls)
    return gaps[min(len(gaps) - 1, len(gaps) * 99 // 100)]


def mirrored(made: Calls, server: RedisServer) -> int:
    """How many of the calls are in Redis as they should be."""
    now = int(time.time())
    with contextlib.closing(server.client()) as client:
        pipeline = client.pipeline(transaction=False)
        for index in range(len(made.calls)):
            pipeline.getrange(key_of(made, index), 0, 32)
        values = pipeline.execute(raise_on_error=False)
    entries = zip(made.calls, values, strict=True)
    opened = (KEYS.cache.open(KEYS.native, c.client.address, v, now) for c, v in entries if isinstance(v, bytes))
    return sum(hint is not None for hint in opened)


def memory() -> int:
    """Octets of this process that are resident, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("fault", ["rubbish", "frozen"])
async def test_a_restart_with_a_redis_that_is_no_help_goes_on_by_downlink(server, fault):
    async with calls(20) as made:
        async with flow_cache(made.relay, server):
            await until(lambda: len(stored(server)) == 20)
            await made.stop_relay()
        if fault == "rubbish":
            fill_with_rubbish(server)
        await made.start_relay()
        with server.frozen() if fault == "frozen" else contextlib.nullcontext():
            async with flow_cache(made.relay, server) as cache:
                made.is_talking_down = False
                await made.run(0.7)
                assert made.relay.counters().embryonic_flows == 0
                outcome = "refused" if fault == "rubbish" else "unavailable"
                assert cache.counters().operations["lookup", outcome] > 0
                made.is_talking_down = True
                await made.run(0.2)
                assert made.relay.counters().confirmed_flows == 20


async def test_entries_of_others_make_no_flow(server):
    """T16: an entry of another client, of another ring, and one that has expired."""
    stranger = RoutingKeys({1: bytes(range(1, 33))}, 1)
    async with calls(3) as made:
        await made.stop_relay()
        await made.start_relay()
        made.is_talking_down = False
        theirs = stranger.native.open(ufrag(made.route, stranger).encode()).raw
        ours = [KEYS.native.open(call.ufrag.encode()).raw for call in made.calls]
        addresses = [call.client.address for call in made.calls]
        later = int(time.time()) + 60
        with contextlib.closing(server.client()) as client:
            client.set(key_of(made, 0), KEYS.cache.build(addresses[1], ours[1], later))
            client.set(key_of(made, 1), stranger.cache.build(addresses[1], theirs, later))
            client.set(key_of(made, 2), KEYS.cache.build(addresses[2], ours[2], later - 61))
        async with flow_cache(made.relay, server) as cache:
            await made.run(0.5)
            assert cache.counters().operations["lookup", "refused"] >= 3
            assert cache.counters().operations["lookup", "found"] == 0
        counters = made.relay.counters()
        assert (counters.embryonic_flows, counters.confirmed_flows) == (0, 0)
        assert counters.internal_tx.datagrams == 0
        assert counters.drops == {DropReason.NO_FLOW: counters.public_rx.datagrams}


async def test_what_the_relay_knows_prevails(server):
    """T16: a replayed entry that leads elsewhere does not touch a living flow."""
    async with calls(1) as made, flow_cache(made.relay, server):
        await until(lambda: len(stored(server)) == 1)
        elsewhere = KEYS.native.open(ufrag(SECOND).encode())
        address = made.calls[0].client.address
        made.relay.flows().learn(0, address, elsewhere.raw, elsewhere.cluster, elsewhere.transceiver)
        await made.run(0.2)
        assert_nothing_lost(made)
        assert made.relay.counters().flow_events["recovered"] == 0


async def test_strangers_cost_a_bounded_number_of_look_ups(server):
    """T10: datagrams of clients that nobody knows; the queue loses the oldest and says so."""
    async with calls(0) as made:
        strangers = [made.peer() for _ in range(200)]
        async with flow_cache(made.relay, server) as cache:
            begun = time.monotonic()
            sent = 0
            while time.monotonic() - begun < 1.0:
                for stranger in strangers:
                    stranger.send(RTP, made.relay.address)
                    sent += 1
                await asyncio.sleep(0)
            await asyncio.sleep(0.1)
            counters = cache.counters()
            asked = counters.operations["lookup", "absent"]
            assert 200 <= asked <= 4 * 200 * 2
            assert sum(counters.operations.values()) + counters.lost["missed"] <= sent
        assert made.relay.counters().embryonic_flows == 0


async def test_a_refused_password_is_named_and_never_shown(tmp_path: Path):
    with redis_server(tmp_path, "--requirepass", "secret-of-redis") as server:
        for url in (server.url, server.url.replace("//", "//:wrong-password@")):
            link = RedisLink(RedisSettings(url))
            with pytest.raises(ConfigurationError) as raised:
                await link.check_access()
            assert raised.value.key == "redis.url"
            assert "wrong-password" not in str(raised.value)
            await link.close()
        link = RedisLink(RedisSettings(server.url.replace("//", "//:secret-of-redis@")))
        await link.check_access()
        await link.close()


async def test_a_redis_that_is_not_there_yet_is_no_mistake():
    link = RedisLink(SETTINGS)
    await link.check_access()
    assert link.is_up is False
    await link.close()


def test_a_url_that_is_none_is_named():
    with pytest.raises(ConfigurationError) as raised:
        RedisLink(RedisSettings("http://secret@host"))
    assert raised.value.key == "redis.url"
    assert "secret" not in str(raised.value)
