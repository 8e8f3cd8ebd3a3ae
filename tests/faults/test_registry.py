"""Transceivers that announce themselves in a real Redis, and a relay that follows, whatever happens to Redis.

::

    transceiver ── announces every 2 s ──► Redis ◄── reads every second ── relay
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rtcsplit.relay.directory_follower import DirectoryUnavailableError
from rtcsplit.relay.directory_redis import RedisSource, announcement_key
from rtcsplit.relay.redis_link import RedisLink, RedisSettings
from rtcsplit.relay.registration import Registration
from rtcsplit.relay.registry_redis import RedisRegistry
from rtcsplit.routing.announcement import Announcement
from rtcsplit.routing.directory import Cluster, ClusterRelay, Directory, DirectoryEntry, EntryState
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire.address import Address
from tests.redis_server import RedisServer, redis_server
from tests.relay_bench import KEYS

ROUTES = [Route(1, 1), Route(1, 2)]
ADDRESSES = [Address.of("10.0.0.1", 5000), Address.of("10.0.0.2", 5000)]


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
async def linked(server: RedisServer) -> AsyncIterator[RedisLink]:
    link = RedisLink(RedisSettings(server.url))
    yield link
    await link.close()


def key_of(link: RedisLink, number: int) -> str:
    return announcement_key(link, DirectoryEntry(ROUTES[number], ADDRESSES[number]))


def source_of(link: RedisLink, keys: RoutingKeys = KEYS) -> RedisSource:
    return RedisSource(link, lambda: keys, (), is_ipv4_only=True)


def registration(link: RedisLink, number: int = 0, is_draining=lambda: False) -> Registration:
    def entry() -> DirectoryEntry:
        state = EntryState.DRAINING if is_draining() else EntryState.ACTIVE
        return DirectoryEntry(ROUTES[number], ADDRESSES[number], state)

    return Registration(RedisRegistry(link, lambda: KEYS), entry)


def line(number: int, life_ms: int, state: EntryState = EntryState.ACTIVE, keys: RoutingKeys = KEYS) -> bytes:
    entry = DirectoryEntry(ROUTES[number], ADDRESSES[number], state)
    return Announcement(entry, int(1000 * time.time()) + life_ms).build(keys)


async def put(link: RedisLink, number: int, text: bytes, score: int | None = None) -> None:
    score = int(1000 * time.time()) + 10_000 if score is None else score
    key = key_of(link, number)
    await link.run([("SET", key, text), ("ZADD", link.key("transceivers"), score, str(ROUTES[number]))])


async def states(source: RedisSource) -> dict[Route, EntryState]:
    return {entry.route: entry.state for entry in (await source.read()).entries}


async def test_a_transceiver_is_listed_while_it_runs_draining_while_it_drains(server):
    drains = False
    async with linked(server) as link:
        source = source_of(link)
        assert await states(source) == {}
        async with registration(link, 0, lambda: drains), registration(link, 1) as second:
            assert await states(source) == dict.fromkeys(ROUTES, EntryState.ACTIVE)
            assert {entry.address for entry in (await source.read()).entries} == set(ADDRESSES)
            drains = True
            for _ in range(100):
                if (await states(source))[ROUTES[0]] is EntryState.DRAINING:
                    break
                await asyncio.sleep(0.02)
            assert (await states(source))[ROUTES[0]] is EntryState.DRAINING
            assert second.announced == 1
        with contextlib.closing(server.client()) as client:
            assert client.keys("*") == []


async def test_it_is_announced_again_before_it_expires(server):
    async with linked(server) as link, registration(link) as made:
        with contextlib.closing(server.client()) as client:
            client.flushall()
            begun = time.monotonic()
            while not client.exists(key_of(link, 0)):
                assert time.monotonic() - begun < 3
                await asyncio.sleep(0.05)
            assert 9 <= client.ttl(key_of(link, 0)) <= 10
        assert made.announced == 2


async def test_an_entry_outlives_a_flush(server):
    async with linked(server) as link:
        source = source_of(link)
        await put(link, 0, line(0, 10_000))
        before = await source.read()
        with contextlib.closing(server.client()) as client:
            client.flushall()
        assert await source.read() == before


async def test_nothing_expires_while_redis_is_away(server, monkeypatch):
    async with linked(server) as link:
        source = source_of(link)
        await put(link, 0, line(0, 10_000))
        before = await source.read()
        server.stop()
        clock = time.monotonic() + 3600
        with monkeypatch.context() as patched:
            patched.setattr("rtcsplit.relay.directory_redis.time.monotonic", lambda: clock)
            with pytest.raises(DirectoryUnavailableError):
                await source.read()
            server.start()
            clock += 9
            assert await source.read() == before
            clock += 2
            assert (await source.read()).entries == ()


async def test_what_strangers_write_is_not_believed(server):
    """T16: entries of another ring, under another's name, malformed, of other types, huge."""
    stranger = RoutingKeys({1: bytes(range(1, 33))}, 1)
    async with linked(server) as link:
        source = source_of(link)
        for text in (line(0, 10_000, keys=stranger), line(1, 10_000), b"", b"1 1 1 1", bytes(1_000_000)):
            await put(link, 0, text)
            assert await states(source) == {}
        await link.run([("DEL", key_of(link, 0)), ("LPUSH", key_of(link, 0), b"x")])
        names = [b"nonsense", b"1/65536", b"1/1/1", b"x" * 100_000]
        await link.run([("ZADD", link.key("transceivers"), int(1e15), name) for name in names])
        assert await states(source) == {}
        await link.run([("DEL", link.key("transceivers")), ("LPUSH", link.key("transceivers"), b"x")])
        with pytest.raises(DirectoryUnavailableError):
            await source.read()


async def test_an_old_announcement_that_is_put_back_renews_nothing(server, monkeypatch):
    async with linked(server) as link:
        source = source_of(link)
        active, draining = line(0, 10_000), line(0, 10_001, EntryState.DRAINING)
        await put(link, 0, draining)
        await source.read()
        await put(link, 0, active)
        assert await states(source) == {ROUTES[0]: EntryState.DRAINING}
        later = time.monotonic() + 11
        with monkeypatch.context() as patched:
            patched.setattr("rtcsplit.relay.directory_redis.time.monotonic", lambda: later)
            assert await states(source) == {}
        long_ago = line(0, -31_000)
        await put(link, 0, long_ago)
        assert await states(source_of(link)) == {}


async def test_a_transceiver_that_came_back_under_another_id_has_its_address(server):
    async with linked(server) as link:
        await put(link, 0, line(0, 10_000))
        successor = Announcement(DirectoryEntry(ROUTES[1], ADDRESSES[0]), int(1000 * time.time()) + 20_000)
        await put(link, 1, successor.build(KEYS))
        assert list(await states(source_of(link))) == [ROUTES[1]]


async def test_a_registration_survives_a_redis_that_comes_late(tmp_path: Path):
    server = RedisServer(tmp_path)
    async with linked(server) as link, registration(link) as made:
        assert made.announced == 0
        server.start()
        try:
            begun = time.monotonic()
            while made.announced == 0:
                assert time.monotonic() - begun < 4
                await asyncio.sleep(0.05)
        finally:
            await link.close()
            server.stop()


async def test_relays_of_another_cluster_go_before_its_transceivers(server):
    """Those of the relay's own cluster do not: it reaches its transceivers itself."""
    relays = [ClusterRelay(ROUTES[0].cluster, Address.of(f"10.1.0.{n}", 4000)) for n in (2, 1)]
    drains = False

    def entry() -> ClusterRelay | None:
        return None if drains else relays[0]

    async with linked(server) as link, registration(link, 0):
        elsewhere = source_of(link)
        inside = RedisSource(link, lambda: KEYS, (), is_ipv4_only=True, cluster=ROUTES[0].cluster)
        registry = RedisRegistry(link, lambda: KEYS)
        async with Registration(registry, entry), Registration(registry, lambda: relays[1]):
            directory = await elsewhere.read()
            assert directory == Directory(clusters=[Cluster(1, (relays[1].address, relays[0].address))])
            assert (await inside.read()).clusters == ()
            assert await states(inside) == {ROUTES[0]: EntryState.ACTIVE}
            drains = True
            with contextlib.closing(server.client()) as client:
                for _ in range(100):
                    if not client.exists(announcement_key(link, relays[0])):
                        break
                    await asyncio.sleep(0.05)
                assert not client.exists(announcement_key(link, relays[0]))
        with contextlib.closing(server.client()) as client:
            assert len(client.keys("*")) == 2  # the transceiver's
