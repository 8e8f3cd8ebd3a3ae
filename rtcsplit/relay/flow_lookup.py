"""From Redis to the relay's workers: what clients that have no flow had before.

Clients are asked about in batches. What is stored under a client's address is opened before it is believed, and goes
to the worker that missed it; a worker's own knowledge prevails.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from .._native.flow_cache import VALUE_SIZE
from .._native.relay_flows import RelayFlows
from ..media.histogram import Histogram
from ..routing.hint import RoutingKeys
from .flow_mirror import flow_key
from .redis_link import Backoff, RedisLink, RedisUnavailable

__all__ = ["FlowLookup"]

_TICK_SECONDS = 0.02
_BATCH = 512
# Most of a batch unknown means strangers, not a restart: their datagrams shall cost little.
_STRANGERS = 64
_STRANGERS_PAUSE_SECONDS = 0.1
_ABSENT_SECONDS = 0.25  # a client is not asked about again so soon
_ABSENT_MOST = 4096

Client = tuple[bytes, int]


class FlowLookup:
    """One task's work; see :class:`~rtcsplit.relay.flow_cache.FlowCache`.

    Args:
        flows: of the relay.
        link: to Redis.
        keys: returns the ring in force.

    Attributes:
        operations: flows by operation and outcome.
        timings: of round trips.
    """

    def __init__(self, flows: RelayFlows, link: RedisLink, keys: Callable[[], RoutingKeys]) -> None:
        self._flows = flows
        self._link = link
        self._keys = keys
        self._absent: OrderedDict[Client, float] = OrderedDict()
        self.operations: Counter[tuple[str, str]] = Counter()
        self.timings = Histogram()

    async def run(self) -> None:
        """Look up until cancelled."""
        backoff = Backoff()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            missed = self._take()
            if not missed:
                continue
            try:
                found = await self._look_up(missed)
                backoff.reset()
            except RedisUnavailable:
                self.operations["lookup", "unavailable"] += len(missed)
                await asyncio.sleep(backoff.next())
                continue
            if len(missed) >= _STRANGERS and found < len(missed) // 2:
                await asyncio.sleep(_STRANGERS_PAUSE_SECONDS)

    def _take(self) -> dict[Client, int]:
        """Clients to ask about, each with the worker that missed it last."""
        now = time.monotonic()
        missed: dict[Client, int] = {}
        for index in range(self._flows.workers):
            for client in self._flows.missed(index):
                if now - self._absent.get(client, 0.0) < _ABSENT_SECONDS:
                    continue
                if client in missed or len(missed) < _BATCH:
                    missed[client] = index
                else:
                    self.operations["lookup", "shed"] += 1
        return missed

    async def _look_up(self, missed: dict[Client, int]) -> int:
        begun = time.monotonic()
        # No more than an octet beyond a value of ours, however long the stored one is.
        commands = [("GETRANGE", flow_key(self._link, client), 0, VALUE_SIZE) for client in missed]
        results = await self._link.run(commands)
        self.timings.add(time.monotonic() - begun)
        return sum(
            self._use(client, index, result) for (client, index), result in zip(missed.items(), results, strict=True)
        )

    def _use(self, client: Client, index: int, result: object) -> bool:
        keys = self._keys()
        value = result if isinstance(result, bytes) else b"?"
        hint = keys.cache.open(keys.native, client, value, int(time.time()))
        if hint is None:
            self.operations["lookup", "refused" if value else "absent"] += 1
            self._note_absent(client)
            return False
        self._flows.learn(index, client, hint.raw, hint.cluster, hint.transceiver)
        self.operations["lookup", "found"] += 1
        return True

    def _note_absent(self, client: Client) -> None:
        self._absent.pop(client, None)
        self._absent[client] = time.monotonic()
        if len(self._absent) > _ABSENT_MOST:
            self._absent.popitem(last=False)
