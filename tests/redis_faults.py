"""What may happen to a Redis that a relay mirrors its flows in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.redis_server import RedisServer, SlowProxy

__all__ = ["FAULTS", "fill_with_rubbish", "suffering"]

FAULTS = ["stopped", "frozen", "slow", "flushed", "rubbish"]


@contextlib.asynccontextmanager
async def suffering(server: RedisServer, proxy: SlowProxy, fault: str) -> AsyncIterator[None]:
    """Something happens to Redis, which is itself again at the end."""
    match fault:
        case "stopped":
            server.stop()
            yield
            server.start()
        case "frozen":
            with server.frozen():
                yield
        case "slow":
            proxy.delay = 0.5
            yield
            proxy.delay = 0.0
        case "flushed":
            flush(server)
            yield
            flush(server)
        case "rubbish":
            await asyncio.to_thread(fill_with_rubbish, server)
            yield
            await asyncio.to_thread(fill_with_rubbish, server)


def fill_with_rubbish(server: RedisServer) -> None:
    with contextlib.closing(server.client()) as client:
        for number, key in enumerate(client.keys("rtcsplit:*")):
            both = client.pipeline(transaction=True)  # or the mirror might store its value in between
            both.delete(key)
            if number % 3 == 0:
                both.lpush(key, b"x" * 1000)
            elif number % 3 == 1:
                both.hset(key, "field", b"x")
            else:
                both.setrange(key, 9_999_999, b"x")  # 10 MB, of which we send one octet
            both.execute()


def flush(server: RedisServer) -> None:
    with contextlib.closing(server.client()) as client:
        client.flushall()
