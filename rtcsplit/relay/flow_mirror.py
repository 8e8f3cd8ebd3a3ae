"""From the relay's flow tables to Redis: new confirmed flows at once, all of them again every now and then.

The tables are the truth, and nothing is queued beside them: whatever could not be stored is found by the next round.
A round is begun at once when Redis has been away, has lost our mark, a key that only this mirror writes, or has
something else in the place of flows that were stored: a few of them are looked at every second.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

from .._native.flow_cache import VALUE_SIZE
from .._native.relay_flows import CONFIRMED_SECONDS, HeldFlow, RelayFlows
from ..media.histogram import Histogram
from ..routing.hint import RoutingKeys
from .redis_link import Backoff, RedisLink, RedisUnavailable, is_refusal

__all__ = ["FlowMirror", "flow_key"]

_TICK_SECONDS = 0.05
_BREATH_SECONDS = 0.005  # between the batches of an urgent round
_ROUND_SECONDS = 20.0  # a flow is stored again this often, so an entry has 40 s left at least
_MARK_SECONDS = 1.0  # how often the mark is looked at
_WATCHED = 16  # flows that are looked at with it
_MARK_LIFE = 120  # seconds
_MARK = b"1"
_BATCH = 512
_SPAN_MOST = 1 << 18  # slots to look at before the event loop has its turn


def flow_key(link: RedisLink, client: tuple[bytes, int]) -> str:
    """Return the key of a client's flow: its address and port, 18 octets in hex."""
    return link.key(f"flow:{client[0].hex()}{client[1]:04x}")


class _Watched(NamedTuple):
    client: tuple[bytes, int]
    expires: float  # by the clock of the day, as Redis lets it


class FlowMirror:
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
        self._mark = link.key(f"mirror:{secrets.token_hex(8)}")
        self._mark_due = 0.0
        self._watched: deque[_Watched] = deque(maxlen=_WATCHED)
        self._worker = 0
        self._slot = 0
        self._is_urgent = True
        self.operations: Counter[tuple[str, str]] = Counter()
        self.timings = Histogram()

    async def run(self) -> None:
        """Mirror until cancelled."""
        backoff = Backoff()
        while True:
            try:
                await self._mirror()
                backoff.reset()
            except RedisUnavailable:
                self._begin_round(is_urgent=True)
                await asyncio.sleep(backoff.next())
            await asyncio.sleep(_BREATH_SECONDS if self._is_urgent else _TICK_SECONDS)

    async def _mirror(self) -> None:
        await self._check_mark()
        flows = [flow for index in range(self._flows.workers) for flow in self._flows.confirmed(index)]
        flows += self._next_of_round()
        for begin in range(0, len(flows), _BATCH):
            await self._store(flows[begin : begin + _BATCH])

    async def _check_mark(self) -> None:
        if time.monotonic() < self._mark_due:
            return
        now = time.time()
        watched = [flow for flow in self._watched if flow.expires > now + 1]
        keys = [self._mark, *(flow_key(self._link, flow.client) for flow in watched)]
        mark, *values = await self._link.run([("GETRANGE", key, 0, VALUE_SIZE) for key in keys])
        if mark != _MARK:
            # Set before the round: if it vanishes during the round, so may what the round has stored.
            await self._link.run([("SET", self._mark, _MARK, "EX", _MARK_LIFE)])
            self._begin_round(is_urgent=True)
        else:
            await self._link.run([("EXPIRE", self._mark, _MARK_LIFE)])
        if not all(map(self._is_in_order, watched, values)):
            self._watched.clear()
            self._begin_round(is_urgent=True)
        self._mark_due = time.monotonic() + _MARK_SECONDS

    def _is_in_order(self, watched: _Watched, value: object) -> bool:
        """Whether a stored flow is one, by now perhaps another relay's."""
        keys = self._keys()
        stored = value if isinstance(value, bytes) else b"?"
        return keys.cache.open(keys.native, watched.client, stored, int(time.time())) is not None

    def _begin_round(self, *, is_urgent: bool) -> None:
        self._worker = self._slot = 0
        self._is_urgent = is_urgent

    def _next_of_round(self) -> list[HeldFlow]:
        """Flows of the next slots: of so many that a round takes its time, or until a batch is full."""
        slots = sum(self._flows.slots(index) for index in range(self._flows.workers))
        budget = _SPAN_MOST if self._is_urgent else int(slots * _TICK_SECONDS / _ROUND_SECONDS) + 1
        now_ms = int(time.monotonic() * 1000)
        found: list[HeldFlow] = []
        while budget > 0 and len(found) < _BATCH:
            begin, worker = self._slot, self._worker
            self._slot, flows = self._flows.scan(worker, begin, now_ms, budget)
            found += flows
            budget -= (self._slot or self._flows.slots(worker)) - begin
            if self._slot == 0:
                self._worker = (worker + 1) % self._flows.workers
                if self._worker == 0:
                    self._is_urgent = False
                    break
        return found

    async def _store(self, flows: list[HeldFlow]) -> None:
        build = self._keys().cache.build
        now = time.time()
        commands = []
        self._watched += [
            _Watched(flow.client, now + CONFIRMED_SECONDS - flow.age)
            for flow in random.sample(flows, min(len(flows), _WATCHED))
        ]
        for flow in flows:
            seconds = int(CONFIRMED_SECONDS - flow.age) + 1
            value = build(flow.client, flow.hint, int(now) + seconds)
            commands.append(("SET", flow_key(self._link, flow.client), value, "EX", seconds))
        begun = time.monotonic()
        try:
            results = await self._link.run(commands)
        except RedisUnavailable:
            self.operations["mirror", "unavailable"] += len(flows)
            raise
        self.timings.add(time.monotonic() - begun)
        refused = sum(map(is_refusal, results))
        self.operations["mirror", "refused"] += refused
        self.operations["mirror", "stored"] += len(flows) - refused
