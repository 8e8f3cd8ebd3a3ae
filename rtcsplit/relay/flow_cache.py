"""The flow cache: confirmed flows in Redis, so that a relay that has lost its own finds them before the next check.

A convenience, never a need: without Redis the same relay works, less this one step of recovery, and no datagram ever
waits for it. docs/explanation/recovery.md has the order of recovery, docs/reference/flow-cache.md the format.

Needs redis (``pip install 'rtcsplit[redis]'``).
"""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from .._native.relay_flows import QueueLosses
from ..errors import UsageError
from ..media.histogram import Histogram
from .background import Background
from .flow_cache_counters import OPERATIONS, FlowCacheCounters
from .flow_lookup import FlowLookup
from .flow_mirror import FlowMirror
from .redis_link import RedisLink
from .relay import Relay

__all__ = ["FlowCache"]


class FlowCache:
    """Mirrors a running relay's confirmed flows, and looks up what it misses. An asynchronous context manager.

    Args:
        relay: running while the block lasts; one flow cache per relay.
        link: to Redis; stays the caller's.
    """

    def __init__(self, relay: Relay, link: RedisLink) -> None:
        self._relay = relay
        self._link = link
        self._mirror: FlowMirror | None = None
        self._lookup: FlowLookup | None = None
        self._tasks = Background()

    async def __aenter__(self) -> FlowCache:
        if self._tasks.is_running:
            raise UsageError("a flow cache is started once")
        flows = self._relay.flows()
        self._flows = flows
        self._mirror = FlowMirror(flows, self._link, lambda: self._relay.keys)
        self._lookup = FlowLookup(flows, self._link, lambda: self._relay.keys)
        self._tasks.start(self._mirror.run())
        self._tasks.start(self._lookup.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._tasks.end()

    def counters(self) -> FlowCacheCounters:
        """Return what has been counted; nothing before the start."""
        if self._mirror is None or self._lookup is None:
            timings = {operation: Histogram() for operation in OPERATIONS}
            return FlowCacheCounters(Counter(), timings, dict.fromkeys(QueueLosses._fields, 0), False)
        return FlowCacheCounters(
            self._mirror.operations + self._lookup.operations,
            {"mirror": self._mirror.timings, "lookup": self._lookup.timings},
            self._flows.losses()._asdict(),
            bool(self._link.is_up),
        )
