"""``csrc/flow_table.h``: one table of flows, for tests. The relay's workers use theirs without Python."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

from ..errors import NativeError, UsageError
from ._rtcsplit import ffi, lib

__all__ = ["Flow", "FlowTable", "PutOutcome"]

_HINT_SIZE = 18


class PutOutcome(IntEnum):
    """What became of a flow that was put in."""

    CREATED = lib.RS_FLOW_CREATED
    REPLACED = lib.RS_FLOW_REPLACED
    EVICTED = lib.RS_FLOW_EVICTED
    REFUSED = lib.RS_FLOW_REFUSED


class Flow(NamedTuple):
    """A flow: the client's 16 octets and port, the transceiver's ids, the session's 18-octet hint or None."""

    client: tuple[bytes, int]
    cluster: int
    transceiver: int
    hint: bytes | None


class FlowTable:
    """A flow table in memory of its own. Times are milliseconds and wrap at 2**32.

    Args:
        capacity: most flows at a time.
        lifetime_ms: how long a flow lives without renewal.
        hint_ways: see the header.
        secret: 16 octets.

    Raises:
        UsageError: a setting is out of range.
    """

    def __init__(self, capacity: int, lifetime_ms: int, hint_ways: int = 8, secret: bytes = bytes(16)) -> None:
        settings = ffi.new("struct rs_flow_settings *", [capacity, lifetime_ms, hint_ways, secret])
        self.size = lib.rs_flow_table_size(settings)
        if self.size == 0 or len(secret) != 16:
            raise UsageError("a setting of the flow table is out of range")
        self._memory = ffi.new("uint8_t[]", self.size + 64)
        aligned = self._memory + -int(ffi.cast("uintptr_t", self._memory)) % 64
        self._table: Any = ffi.cast("struct rs_flow_table *", aligned)
        self._secret = secret
        if lib.rs_flow_table_init(self._table, self.size, settings) != lib.RS_OK:
            raise NativeError("rs_flow_table_init refused checked settings")

    def __len__(self) -> int:
        return int(lib.rs_flow_table_count(self._table))

    def put(self, flow: Flow, now_ms: int, *, may_evict: bool = False) -> PutOutcome:
        """Put a flow in, in the place of what its client had."""
        native = ffi.new("struct rs_flow *")
        native.client = flow.client
        native.cluster, native.transceiver = flow.cluster, flow.transceiver
        native.has_hint = flow.hint is not None
        native.hint = flow.hint or bytes(_HINT_SIZE)
        return PutOutcome(lib.rs_flow_table_put(self._table, self._hash(flow.client), native, now_ms, may_evict))

    def find(self, client: tuple[bytes, int], now_ms: int) -> Flow | None:
        """Return the client's live flow."""
        ref = self._find(client, now_ms)
        return None if ref is None else _flow(ref.flow)

    def find_hint(self, hint: bytes, now_ms: int, limit: int) -> list[Flow]:
        """Return live flows that carry the hint, at most ``limit``."""
        refs = ffi.new("struct rs_flow_ref[]", limit)
        return [_flow(refs[i].flow) for i in range(lib.rs_flow_table_find_hint(self._table, hint, now_ms, refs, limit))]

    def renew(self, client: tuple[bytes, int], now_ms: int) -> bool:
        """Renew the client's flow; False if it has none."""
        ref = self._find(client, now_ms)
        if ref is not None:
            lib.rs_flow_table_renew(self._table, ref, now_ms)
        return ref is not None

    def end(self, client: tuple[bytes, int], now_ms: int) -> bool:
        """End the client's flow; False if it has none."""
        ref = self._find(client, now_ms)
        if ref is not None:
            lib.rs_flow_table_end(self._table, ref)
        return ref is not None

    def sweep(self, now_ms: int) -> int:
        """Return the slots of dead flows that are due; how many had expired."""
        return int(lib.rs_flow_table_sweep(self._table, now_ms))

    def routes_in_use(self, routes: Iterable[tuple[int, int]], now_ms: int) -> set[tuple[int, int]]:
        """Return those of these (cluster, transceiver) that a live flow leads to."""
        asked = sorted(set(routes))
        ids = ffi.new("uint32_t[]", [cluster << 16 | transceiver for cluster, transceiver in asked])
        marks = ffi.new("uint8_t[]", len(asked))
        lib.rs_flow_table_mark_routes(self._table, now_ms, 0xFFFFFFFF, ids, len(asked), marks)
        return {route for route, is_used in zip(asked, marks, strict=True) if is_used}

    def _hash(self, client: tuple[bytes, int]) -> int:
        return int(lib.rs_flow_hash(self._secret, ffi.new("struct rs_address *", client)))

    def _find(self, client: tuple[bytes, int], now_ms: int) -> Any:
        ref = ffi.new("struct rs_flow_ref *")
        address = ffi.new("struct rs_address *", client)
        is_found = lib.rs_flow_table_find(self._table, self._hash(client), address, now_ms, ref)
        return ref if is_found else None


def _flow(native: Any) -> Flow:
    hint = bytes(ffi.buffer(native.hint)) if native.has_hint else None
    return Flow((bytes(ffi.buffer(native.client.ip)), native.client.port), native.cluster, native.transceiver, hint)
