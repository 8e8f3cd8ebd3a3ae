"""Calls that come and go, many of them badly: none fails that does nothing wrong, and nothing of any of them is left.

::

    clients of this process ── WHIP, checks, DTLS, media, hangup or not ──► server process that counts itself

How growth is measured: the server counts its calls, descriptors, tasks, threads and objects after a garbage collection,
before and after.

In the long form its memory is read from outside as well, at rest: after each minute of calls, when the last one has
ended and a garbage collection has passed. What a minute of calls needs besides depends on how many live at once, and
that on the machine; so a burst of more than ever follow comes first, which leaves room for all of them, and two
minutes as a warm-up. The slope is that of a least-squares line through the eight minutes after these, per hour of
calls, with its 95 % confidence interval.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import httpx
import pytest

from tests.census import Census, CountedServer, Memory
from tests.interop.lean_client import LeanClient

LONG = [pytest.mark.long, pytest.mark.timeout(600)]
SPEECH = [b"\xf8spoken"] * 3
CONSENT = 32.0  # consent expires after 30 s
SETTLED = 60.0
STUCK = 90.0  # nothing that a client does takes so long
PACE = 20  # calls a second
AT_ONCE = 200
WARM_UP, MINUTES = 2, 8
STUDENT = 2.447  # quantile 0.975 for a line through eight points


class Deaf(LeanClient):
    """A client that checks and never shakes hands."""

    def _handshake(self) -> None:
        pass

    async def until_checked(self) -> None:
        """Return when a check was answered."""
        await asyncio.wait_for(self._check_answered.wait(), 10)


async def whole(http: httpx.AsyncClient, url: str) -> None:
    """A call as it should be."""
    with LeanClient() as client:
        await client.connect(http, url)
        await client.speak(SPEECH)
        await client.until_returned(len(SPEECH) - 1)
        assert client.returned
        await client.hang_up(http)


async def unused(http: httpx.AsyncClient, url: str) -> None:
    """Hung up before the first check."""
    client = LeanClient()
    reply = await http.post(url, content=client._offer(), headers={"content-type": "application/sdp"})
    assert reply.status_code == 201
    client.session_url = str(httpx.URL(url).join(reply.headers["location"]))
    await client.hang_up(http)


async def half_made(http: httpx.AsyncClient, url: str) -> None:
    """Hung up between checks and handshake."""
    with Deaf() as client:
        connecting = asyncio.create_task(client.connect(http, url))
        try:
            await client.until_checked()
            await client.hang_up(http)
        finally:
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await connecting


async def cut_offer(http: httpx.AsyncClient, url: str) -> None:
    """The connection ends in the middle of the offer."""
    where = httpx.URL(url)
    _, writer = await asyncio.open_connection(where.host, where.port)
    head = (
        f"POST {where.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/sdp\r\ncontent-length: 999\r\n\r\nv=0\r\n"
    )
    writer.write(head.encode())
    await writer.drain()
    writer.close()


async def vanished(http: httpx.AsyncClient, url: str) -> None:
    """Connected, and silent from then on: consent expires. Nobody else gets the port before that."""
    with LeanClient() as client:
        await client.connect(http, url)
        await asyncio.sleep(CONSENT)


QUICK_ABORTS = (unused, half_made, cut_offer)
ABORTS = (*QUICK_ABORTS, vanished)


@contextlib.asynccontextmanager
async def clients() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with httpx.AsyncClient(trust_env=False, timeout=30.0, limits=limits) as http:
        yield http


def left_of(before: Census, after: Census) -> Counter[str]:
    """Our objects that were not there before."""
    return after.ours - before.ours


async def settled(server: CountedServer, before: Census, seconds: float, *, collects: bool = True) -> Census:
    """Wait until the server holds as much as before, or the time is up; return what it holds."""
    deadline = time.monotonic() + seconds
    while True:
        now = server.census(collects=collects)
        is_settled = now.calls <= before.calls and now.descriptors <= before.descriptors and now.tasks <= before.tasks
        if is_settled or time.monotonic() > deadline:
            return now
        await asyncio.sleep(0.2)


async def at_pace(rate: float, jobs: list[Callable[[], Awaitable[None]]]) -> list[BaseException]:
    """Begin so many jobs a second, and return what went wrong with any."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    running = []
    for index, job in enumerate(jobs):
        await asyncio.sleep(start + index / rate - loop.time())
        running.append(asyncio.ensure_future(asyncio.wait_for(job(), STUCK)))
    outcomes = await asyncio.gather(*running, return_exceptions=True)
    return [outcome for outcome in outcomes if isinstance(outcome, BaseException)]


def assert_nothing_left(before: Census, after: Census) -> None:
    assert (after.calls, after.descriptors, after.tasks, after.threads) == before[:4]
    assert left_of(before, after) == {}


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=LONG)])
async def test_a_burst_of_calls_is_set_up_whole(count: int) -> None:
    """Long form: 1,000 calls in 10 s."""
    with CountedServer() as server:
        async with clients() as http, contextlib.AsyncExitStack() as sockets:
            opened = [sockets.enter_context(LeanClient()) for _ in range(count)]
            start = time.monotonic()
            jobs = [lambda client=client: client.connect(http, server.whip_url) for client in opened]
            failures = await at_pace(100, jobs)
            took = time.monotonic() - start
            assert failures == []
            assert server.census().calls == count
            print(f"{count} calls set up in {took:.1f} s, none failed")
            await asyncio.gather(*(client.hang_up(http) for client in opened))
        assert server.census().calls == 0


async def test_calls_that_end_in_any_way_leave_nothing() -> None:
    rng = random.Random(1)
    with CountedServer() as server:
        fresh = server.census()
        async with clients() as http:
            for kind in (whole, *QUICK_ABORTS):
                await kind(http, server.whip_url)
        before = await settled(server, fresh, 20)
        async with clients() as http:
            kinds = [whole if rng.random() < 0.8 else rng.choice(QUICK_ABORTS) for _ in range(60)]
            failures = await at_pace(20, [lambda kind=kind: kind(http, server.whip_url) for kind in kinds])
        assert failures == []
        assert_nothing_left(before, await settled(server, before, 20))


async def test_an_ended_call_is_gone_at_once() -> None:
    """Nothing refers to itself: OpenSSL's and libsrtp's memory does not wait for the garbage collector."""
    with CountedServer() as server:
        fresh = server.census()
        async with clients() as http:
            await whole(http, server.whip_url)
        before = await settled(server, fresh, 20)
        async with clients() as http:
            await asyncio.gather(*(whole(http, server.whip_url) for _ in range(10)))
        await settled(server, before, 20)
        async with clients() as http:
            await asyncio.gather(*(whole(http, server.whip_url) for _ in range(2)))
        after = server.census(collects=False)
        assert {
            name for name in left_of(before, after) if name in ("Session", "SrtpSession", "DtlsEngine", "Call")
        } == set()


def kinds_of_a_second() -> list[Callable[[httpx.AsyncClient, str], Awaitable[None]]]:
    """A fifth of them ends badly, in each way that there is."""
    return [kind for abort in ABORTS for kind in (whole, whole, whole, whole, abort)]


async def test_calls_leave_nothing_to_the_garbage_collector() -> None:
    """But for asyncio, whose transports end in a cycle of seven objects each."""
    with CountedServer() as server:
        for kind in (whole, *QUICK_ABORTS):
            async with clients() as http:
                await kind(http, server.whip_url)
                before = await settled(server, server.census(), 20)
                for _ in range(5):
                    await kind(http, server.whip_url)
                await settled(server, before, 20, collects=False)
                assert server.census().garbage <= 5 * 10, kind.__name__


def slope(octets: Sequence[int]) -> tuple[float, float]:
    """Return MB per hour of what was read each minute, and by how much that may be wrong."""
    places = range(len(octets))
    line = statistics.linear_regression(places, octets)
    rest = sum((at - line.intercept - line.slope * place) ** 2 for place, at in zip(places, octets, strict=True))
    spread = sum((place - statistics.mean(places)) ** 2 for place in places)
    error = STUDENT * (rest / (len(octets) - 2) / spread) ** 0.5
    return line.slope * 60 / 1e6, error * 60 / 1e6


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_ten_minutes_of_churn_leave_nothing_and_memory_stands_still() -> None:
    """20 calls a second, a fifth of them ended badly."""
    samples: list[Memory] = []
    failures: list[BaseException] = []
    with CountedServer() as server:

        async def calls(pace: float, kinds: list[Callable[[httpx.AsyncClient, str], Awaitable[None]]]) -> None:
            async with clients() as http:
                failures.extend(await at_pace(pace, [lambda kind=kind: kind(http, server.whip_url) for kind in kinds]))

        fresh = server.census()
        await calls(10 * AT_ONCE, [whole] * AT_ONCE)
        before = await settled(server, fresh, SETTLED)
        for _ in range(WARM_UP + MINUTES):
            await calls(PACE, 60 * kinds_of_a_second())
            after = await settled(server, before, SETTLED)
            samples.append(server.memory())
            print(
                f"{after.objects} objects, {samples[-1].resident / 1e6:.2f} MB, {after.garbage} in cycles", flush=True
            )
    assert failures == []
    assert_nothing_left(before, after)
    for name in Memory._fields:
        per_hour, error = slope([getattr(memory, name) for memory in samples[WARM_UP:]])
        print(f"{name}: {per_hour:+.2f} +- {error:.2f} MB/h")
        assert per_hour - error <= 0.5
