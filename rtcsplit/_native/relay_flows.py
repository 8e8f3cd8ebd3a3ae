"""``csrc/flow_ring.h``, ``csrc/flow_scan.h``: how the control thread hears of flows, and tells the workers of others.

One thread calls all of this. Nothing here waits for a worker, nor makes one wait.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from ._rtcsplit import ffi, lib
from .relay import NativeRelay

__all__ = ["CONFIRMED_SECONDS", "HeldFlow", "QueueLosses", "RelayFlows"]

AddressTuple = tuple[bytes, int]  # 16 octets and a port

CONFIRMED_SECONDS: float = lib.RS_RELAY_CONFIRMED_MS / 1000

_MOST = 512  # flows per call
# struct rs_flow: client, hint, cluster, transceiver, has_hint; reserved, via.
_flow = struct.Struct("=16sH18sHHH2x4x")

assert _flow.size == ffi.sizeof("struct rs_flow")


class HeldFlow(NamedTuple):
    """A flow with a hint, as a worker holds it.

    Attributes:
        client: its client.
        hint: the session's, 18 octets.
        age: seconds since it was renewed.
    """

    client: AddressTuple
    hint: bytes
    age: float


class QueueLosses(NamedTuple):
    """Flows that queues lost because nobody took them in time, since the start."""

    missed: int
    learned: int
    confirmed: int


class RelayFlows:
    """The control thread's side of a relay's queues.

    Args:
        relay: whose; kept alive by this object.
    """

    def __init__(self, relay: NativeRelay) -> None:
        self._relay = relay
        self._workers: Any = relay.pointer.worker
        self._flows: Any = ffi.new("struct rs_flow[]", _MOST)
        self._refs: Any = ffi.new("struct rs_flow_ref[]", _MOST)
        self._next: Any = ffi.new("uint32_t *")
        self.workers = relay.workers

    def missed(self, index: int) -> list[AddressTuple]:
        """Take clients that sent worker ``index`` something and have no flow: the oldest, some hundreds at most."""
        return [(ip, port) for ip, port, *_ in self._pop(self._shard(index).missed)]

    def confirmed(self, index: int) -> list[HeldFlow]:
        """Take flows that became confirmed ones at worker ``index``: the oldest, some hundreds at most."""
        return [HeldFlow((ip, port), hint, 0.0) for ip, port, hint, *_ in self._pop(self._shard(index).confirmed)]

    def learn(self, index: int, client: AddressTuple, hint: bytes, cluster: int, transceiver: int) -> None:
        """Let worker ``index`` know a flow, with its next batch; one that it has learned itself prevails."""
        flow = ffi.new("struct rs_flow *", [client, hint, cluster, transceiver, 1, 0, 0])
        lib.rs_flow_ring_push(ffi.addressof(self._shard(index), "learned"), flow)

    def slots(self, index: int) -> int:
        """Return how many slots :meth:`scan` goes through in a round."""
        slots: int = lib.rs_flow_table_slots(self._workers[index].confirmed)
        return slots

    def scan(self, index: int, next_slot: int, now_ms: int, span: int) -> tuple[int, list[HeldFlow]]:
        """Look at the next slots of a worker's confirmed flows.

        Args:
            index: the worker.
            next_slot: where to begin: 0, then what the last call returned.
            now_ms: milliseconds of the monotonic clock.
            span: how many slots to look at.

        Returns:
            Where to go on, 0 at the end of a round, and the live flows that have a hint.
        """
        self._next[0] = next_slot
        table = self._workers[index].confirmed
        count = lib.rs_flow_table_scan(table, now_ms & 0xFFFFFFFF, self._next, span, self._refs, _MOST)
        found = []
        for i in range(count):
            ref = self._refs[i]
            if ref.flow.has_hint:
                client = bytes(ref.flow.client.ip), ref.flow.client.port
                age_ms = max(0, _signed(now_ms - ref.renewed_ms))
                found.append(HeldFlow(client, bytes(ref.flow.hint), age_ms / 1000))
        return self._next[0], found

    def losses(self) -> QueueLosses:
        """Return what the queues have lost."""
        shards = [self._shard(index) for index in range(self.workers)]
        return QueueLosses(
            *(
                sum(lib.rs_flow_ring_lost(ffi.addressof(shard, name)) for shard in shards)
                for name in QueueLosses._fields
            )
        )

    def _pop(self, ring: Any) -> list[tuple[Any, ...]]:
        count = lib.rs_flow_ring_pop(ffi.addressof(ring), self._flows, _MOST)
        return list(_flow.iter_unpack(ffi.buffer(self._flows, count * _flow.size))) if count else []

    def _shard(self, index: int) -> Any:
        return self._workers[index].shard


def _signed(milliseconds: int) -> int:
    """A difference of two 32-bit times."""
    return (milliseconds + (1 << 31)) % (1 << 32) - (1 << 31)
