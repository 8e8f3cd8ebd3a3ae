"""A whole relay is killed, supervisor and shared memory and all, and started again as a service manager does.

::

    real and synthetic calls ──► rtcsplit relay, empty ──► transceivers that know nothing of it

What is measured is how long after the new relay said that it is ready each call is heard again; how long a start takes
is printed besides. A negative figure is a call that was back before.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.mixed_calls import Mixed, talking
from tests.redis_server import redis_server

FORM = ("real", "synthetic")
LONG = [pytest.mark.long, pytest.mark.timeout(200)]
SIZES = pytest.mark.parametrize(FORM, [(2, 8), pytest.param(20, 180, marks=LONG)])


async def killed_and_started(mixed: Mixed, seconds: float) -> tuple[float, float]:
    """Let everybody talk, and the relay die and come back meanwhile.

    Returns:
        How long it was away, and how long after that the last of the calls was silent.
    """
    talking = asyncio.ensure_future(mixed.run(seconds))
    await asyncio.sleep(0.3)
    killed = time.monotonic()
    await mixed.deployment.relay.kill()
    await mixed.deployment.relay.start()
    away = time.monotonic() - killed
    return away, max(await talking) - away


@SIZES
async def test_calls_are_back_by_downlink(real: int, synthetic: int, is_long: bool) -> None:
    """Transceivers talk on; a real one here echoes, so its calls come back by their clients' checks."""
    async with talking(0, real + synthetic) as mixed:
        away, silent = await killed_and_started(mixed, 4.0)
        await mixed.assert_all_talk()
        reading = await mixed.reading()
    print(
        f"\n{real + synthetic} calls back by downlink: relay away {away:.1f} s, last call {1000 * silent:.0f} ms after"
    )
    assert reading.flow_events["recovered"] == reading.flows["confirmed"] == real + synthetic
    assert silent <= 0.5 or not is_long


@SIZES
async def test_calls_are_back_by_redis(real: int, synthetic: int, is_long: bool, tmp_path) -> None:
    """No transceiver says anything before it hears its client."""
    with redis_server(tmp_path) as server:
        async with talking(real, synthetic) as mixed:
            await mixed.use_redis(server.url)
            mixed.calls.is_talking_down = False
            away, silent = await killed_and_started(mixed, 4.0)
            mixed.calls.is_talking_down = True
            await mixed.assert_all_talk()
            reading = await mixed.reading()
    print(
        f"\n{real} + {synthetic} calls back by Redis: relay away {away:.1f} s, last call {1000 * silent:.0f} ms after"
    )
    assert reading.flows["confirmed"] == real + synthetic
    assert reading.flow_events["recovered"] >= synthetic
    assert silent <= 0.5 or not is_long


async def test_calls_are_back_by_the_next_check() -> None:
    """Without Redis, and with transceivers that wait: each client's next check, whenever it comes."""
    async with talking(2, 8) as mixed:
        mixed.calls.is_talking_down = False
        await killed_and_started(mixed, 2.0)
        mixed.calls.check()
        await mixed.run(0.5)
        assert all(call.up.received for call in mixed.calls.calls)
        mixed.calls.is_talking_down = True
        await mixed.assert_all_talk()
