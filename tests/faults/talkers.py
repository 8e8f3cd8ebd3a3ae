"""Real calls from another host: a process that calls, talks and reports. ``python -m tests.faults.talkers URL CALLS``.

It says ``talking`` when all calls are up and heard, talks until its standard input ends, and then prints when each
call's audio came back: a JSON list of calls, each a list of seconds of the system's monotonic clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys

import httpx

from tests.interop.lean_client import TOC, LeanClient

_FIRST = 10  # packets that have to come back before a call counts as one
_MOST = 50 * 600


async def main(url: str, calls: int) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(LeanClient()) for _ in range(calls)]
            for client in clients:
                await client.connect(http, url)
            talking = [asyncio.create_task(client.speak([TOC + os.urandom(80)] * _MOST)) for client in clients]
            for client in clients:
                await client.until_returned(_FIRST, timeout=20)
                assert len(client.returned) >= _FIRST
            print("talking", flush=True)
            checking = asyncio.create_task(_check(clients))
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
            for task in (*talking, checking):
                task.cancel()
            print(json.dumps([client.arrivals for client in clients]), flush=True)


async def _check(clients: list[LeanClient]) -> None:
    """Checks as browsers send them, so that no call ends for want of consent."""
    while True:
        await asyncio.sleep(2.5)
        for client in clients:
            client.check()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
