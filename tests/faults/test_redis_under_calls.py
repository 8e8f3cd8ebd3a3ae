"""What happens to Redis while real DTLS-SRTP calls and synthetic ones talk through the processes of an operator.

::

    real and synthetic calls ──► rtcsplit relay ──► transceivers
                                       │ mirror
                                  Redis, which suffers
"""

from __future__ import annotations

import contextlib
import resource
import time
from pathlib import Path

import pytest

from tests.mixed_calls import Gaps, Mixed, talking
from tests.processes import children
from tests.redis_faults import FAULTS, suffering
from tests.redis_server import RedisServer, SlowProxy, redis_server

FORM = ("real", "synthetic", "seconds")
LONG = [pytest.mark.long, pytest.mark.timeout(200)]
SIZES = pytest.mark.parametrize(FORM, [(2, 8, 1.0), pytest.param(20, 180, 5.0, marks=LONG)])

ENTRY_OCTETS = 31
GROWTH_MAX = 8 << 20


def mirrored(server: RedisServer) -> int:
    """How many flows are in Redis, by their look."""
    with contextlib.closing(server.client()) as client:
        keys = client.keys("rtcsplit:flow:*")
        return sum(client.type(key) == b"string" and client.strlen(key) == ENTRY_OCTETS for key in keys)


def memory(mixed: Mixed) -> int:
    """Octets of the forwarding process in charge that are resident."""
    pid = children(mixed.deployment.relay.pid)[0]
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


@SIZES
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_call_notices(
    fault: str, real: int, synthetic: int, seconds: float, is_long: bool, tmp_path: Path
) -> None:
    """I13, T16: nothing is lost, memory stays, and the mirror is whole again 5 s after Redis is itself."""
    with redis_server(tmp_path) as server:
        proxy = SlowProxy(server)
        async with talking(real, synthetic) as mixed, proxy.serving():
            await mixed.use_redis(proxy.url)
            await mixed.until(lambda: mirrored(server) >= real + synthetic)
            peace = Gaps.of(await mixed.run(seconds))
            before = memory(mixed)
            async with suffering(server, proxy, fault):
                gaps = Gaps.of(await mixed.run(seconds))
                await mixed.assert_all_talk()
            begun = time.monotonic()
            await mixed.until(lambda: mirrored(server) >= real + synthetic)
            took = time.monotonic() - begun
            grown = memory(mixed) - before
            reading = await mixed.reading()
            lost = mixed.calls.lost
    print(f"\n{real} + {synthetic} calls, Redis {fault}: gap {gaps}; in peace {peace}; mirror whole after {took:.1f} s")
    assert lost == 0
    assert grown < GROWTH_MAX
    assert reading.flows["confirmed"] == real + synthetic
    assert reading.flow_events.get("recovered", 0) == 0
    if is_long:
        assert took <= 5
