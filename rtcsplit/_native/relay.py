"""``csrc/relay.h``: the relay's workers, the memory they share, and the routing value they obey."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from ..drops import DropReason
from ..errors import NativeError, UsageError
from ._rtcsplit import ffi, lib
from .hint import HintKeys
from .shared import Seats, new_memory

__all__ = [
    "EMBRYONIC_FLOWS",
    "EVENTS",
    "KINDS",
    "WORKERS_MAX",
    "Counts",
    "Direction",
    "NativeRelay",
    "RouteTuple",
    "key_count",
]

WORKERS_MAX: int = lib.RS_RELAY_WORKERS_MAX
EMBRYONIC_FLOWS: int = lib.RS_RELAY_EMBRYONIC_FLOWS
KINDS = ("stun", "dtls", "rtp", "rtcp", "other")
EVENTS = ("created", "confirmed", "moved", "expired", "evicted", "recovered", "flow_conflict", "rescued")

assert len(KINDS) == lib.RS_KIND_COUNT
assert len(EVENTS) == lib.RS_FLOW_EVENT_COUNT

AddressTuple = tuple[bytes, int]  # 16 octets and a port


class Direction(IntEnum):
    """A worker's two threads."""

    UPLINK = lib.RS_UPLINK
    DOWNLINK = lib.RS_DOWNLINK


class RouteTuple(NamedTuple):
    """One entry of the directory: ids and internal address, whether anything is routed there, what is there."""

    cluster: int
    transceiver: int
    address: AddressTuple
    is_routed: bool
    is_relay: bool = False
    reads_trunks: bool = False


class Counts(NamedTuple):
    """What one direction of one worker has counted; ``drops`` by :class:`DropReason`, index 0 unused.

    ``cpu_ns`` is the CPU time of the direction's thread, up to a tenth of a second ago.
    """

    rx_datagrams: int
    rx_bytes: int
    tx_datagrams: int
    tx_bytes: int
    cpu_ns: int
    kinds: tuple[int, ...]
    events: tuple[int, ...]
    drops: tuple[int, ...]


class NativeRelay:
    """A relay without sockets, until :meth:`attach`; one object, one region of memory.

    Args:
        workers: 1..``WORKERS_MAX``.
        confirmed_flows: capacity of each worker's table.
        secret: 16 octets that key the flow tables.
        shared: descriptors of the region's and the seats' shared memory, which stay the caller's; None for memory of
            this process alone. A region that fits is taken over with its flows, counters and secret, and grows where
            it is for fewer workers; otherwise a new one is made, in that memory if it is empty.

    Attributes:
        region_fd: the region's memory, a new descriptor where the one that was given does not fit; None if it is
            not shared.
        is_resumed: whether the region was taken over.

    Raises:
        UsageError: a number is out of range.
        OSError: the memory cannot be had.
        NativeError: the memory of the seats holds something else.
    """

    def __init__(
        self, workers: int, confirmed_flows: int, secret: bytes, shared: tuple[int, int] | None = None
    ) -> None:
        settings = ffi.new("struct rs_relay_settings *", [workers, confirmed_flows, secret])
        size = lib.rs_relay_region_size(settings)
        if size == 0:
            raise UsageError(f"{workers} workers with {confirmed_flows} flows each are out of range")
        self.workers = workers
        self._relay: Any = ffi.new("struct rs_relay *")
        self.region_fd = None if shared is None else shared[0]
        self.is_resumed = self.region_fd is not None and self._resume(settings, size, self.region_fd)
        if not self.is_resumed:
            self._map_new(size)
            if lib.rs_relay_init(self._relay, settings, ffi.from_buffer(self._region), size) != lib.RS_OK:
                raise NativeError("rs_relay_init refused checked settings")
        self._seats = None if shared is None else Seats(shared[1])
        if self._seats is not None:
            lib.rs_relay_share(self._relay, self._seats.pointer)
        self._routings: list[tuple[int, Any]] = []  # by generation, the last one in force
        self._generation = 0
        self._decided: Any = None

    def _resume(self, settings: Any, size: int, fd: int) -> bool:
        held = os.fstat(fd).st_size
        if held:
            with mmap.mmap(fd, held) as memory, memoryview(memory) as view:
                held = lib.rs_relay_region_held(settings, ffi.from_buffer(view), len(view))
        if not held:
            return False
        if held < size:
            os.ftruncate(fd, held)  # what a process that died while it made room has left
            os.ftruncate(fd, size)
        self._region = mmap.mmap(fd, size)
        return bool(lib.rs_relay_open(self._relay, settings, ffi.from_buffer(self._region), size) == lib.RS_OK)

    def _map_new(self, size: int) -> None:
        if self.region_fd is None:
            self._region = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        else:
            if os.fstat(self.region_fd).st_size:  # somebody may still be forwarding in it
                self.region_fd = new_memory("rtcsplit-flows")
            os.ftruncate(self.region_fd, size)
            self._region = mmap.mmap(self.region_fd, size)
        with contextlib.suppress(OSError):  # a kernel without them; without the request lookups miss the TLB
            self._region.madvise(mmap.MADV_HUGEPAGE)

    @property
    def pointer(self) -> Any:
        """The ``struct rs_relay``, valid as long as this object."""
        return self._relay

    @property
    def region_size(self) -> int:
        """Octets of the shared region: tables, counters and batches of all workers."""
        return len(self._region)

    def tune(self, *, sends_runs: bool, internal_mtu: int, coalesce_us: int) -> None:
        """Say what may leave together, and how long datagrams may gather; before :meth:`attach`.

        Args:
            sends_runs: whether datagrams of one length do.
            internal_mtu: octets of the longest IP packet with a trunk in it.
            coalesce_us: microseconds, 0 for not.
        """
        lib.rs_relay_tune(self._relay, sends_runs, internal_mtu, coalesce_us)

    def attach(self, index: int, public_fd: int, upstream_fd: int, cpu: int | None) -> None:
        """Give worker ``index`` its bound sockets, which stay the caller's, and the CPU to pin its threads to.

        Raises:
            OSError: a descriptor is no bound UDP socket.
        """
        status = lib.rs_relay_attach(self._relay, index, public_fd, upstream_fd, -1 if cpu is None else cpu)
        if status != lib.RS_OK:
            raise OSError(ffi.errno, os.strerror(ffi.errno))

    def serve_relays(self, index: int) -> None:
        """Let worker ``index`` take datagrams of other relays at its public socket, before it runs."""
        lib.rs_relay_serve_relays(self._relay, index)

    def rescue_uplink(self, index: int) -> None:
        """Let worker ``index`` route the RTP of known sources from addresses without a flow, before it runs."""
        lib.rs_relay_rescue_uplink(self._relay, index)

    def publish(
        self,
        keys: HintKeys,
        routes: Sequence[RouteTuple],
        own: Sequence[AddressTuple],
        readmitted: Sequence[tuple[bytes, int]],
        relays: Sequence[tuple[bytes, int]] = (),
    ) -> None:
        """Put a new routing value in force from each thread's next batch on, and free those nobody uses any more.

        Args:
            keys: the hint keys.
            routes: the directory; relays of one cluster one after the other, with transceiver id 0.
            own: the relay's own addresses.
            readmitted: networks, as (16 octets, prefix length), where clients may be although they are denied by
                default.
            relays: networks, likewise, where other relays may be.

        Raises:
            UsageError: there is more of something than fits.
        """
        native_routes = ffi.new(
            "struct rs_route[]",
            [
                (route.address, route.cluster, route.transceiver, route.is_routed, route.is_relay, route.reads_trunks)
                for route in routes
            ],
        )
        native_own = ffi.new("struct rs_address[]", list(own))
        native_readmitted = ffi.new("struct rs_network[]", list(readmitted))
        native_relays = ffi.new("struct rs_network[]", list(relays))
        parts = ffi.new(
            "struct rs_routing_parts *",
            {
                "keys": keys.pointer,
                "routes": native_routes,
                "route_count": len(routes),
                "own": native_own,
                "own_count": len(own),
                "readmitted": native_readmitted,
                "readmitted_count": len(readmitted),
                "relays": native_relays,
                "relay_count": len(relays),
            },
        )
        size = lib.rs_routing_size(parts)
        if size == 0:
            raise UsageError(f"a directory of {len(routes)} entries is too large")
        memory = ffi.new("uint8_t[]", size + 16)
        address = int(ffi.cast("uintptr_t", memory))
        routing = ffi.cast("struct rs_routing *", memory + -address % 16)
        self._generation += 1
        if lib.rs_routing_init(routing, size, parts, self._generation) != lib.RS_OK:
            raise NativeError("rs_routing_init refused checked parts")
        self._routings.append((self._generation, (memory, routing)))
        lib.rs_relay_publish(self._relay, routing)
        self.reclaim()

    def reclaim(self) -> int:
        """Free the routing values that no thread can be using; return how many are left, 1 when all have moved on."""
        oldest = lib.rs_relay_oldest_generation(self._relay)
        self._routings = [held for held in self._routings if held[0] >= min(oldest, self._generation)]
        return len(self._routings)

    def run(self, index: int, direction: Direction) -> None:
        """Forward until :meth:`stop`, without the GIL: for a thread of its own.

        Raises:
            OSError: the socket will never receive again.
        """
        if lib.rs_relay_run(self._relay, index, direction) != lib.RS_OK:
            raise OSError(ffi.errno, os.strerror(ffi.errno))

    def stop(self) -> None:
        """Ask all threads to return; they do within their sockets' receive timeout."""
        lib.rs_relay_stop(self._relay)

    def counts(self, index: int, direction: Direction) -> Counts:
        """Return the counters of one direction of one worker."""
        out = ffi.new("uint64_t[]", lib.RS_COUNTERS)
        lib.rs_counters_read(ffi.addressof(self._shard(index).counters, direction), out)
        values: list[int] = ffi.unpack(out, lib.RS_COUNTERS)
        kinds, events = 5 + len(KINDS), 5 + len(KINDS) + len(EVENTS)
        rx_datagrams, rx_bytes, tx_datagrams, tx_bytes, cpu_ns = values[:5]
        return Counts(
            rx_datagrams,
            rx_bytes,
            tx_datagrams,
            tx_bytes,
            cpu_ns,
            tuple(values[5:kinds]),
            tuple(values[kinds:events]),
            tuple(values[events:]),
        )

    def flows(self, index: int) -> tuple[int, int]:
        """Return how many embryonic and confirmed flows a worker holds."""
        worker = self._relay.worker[index]
        return lib.rs_flow_table_count(worker.embryonic), lib.rs_flow_table_count(worker.confirmed)

    def routes_in_use(self, routes: Iterable[tuple[int, int]], now_ms: int) -> set[tuple[int, int]]:
        """Return those of these (cluster, transceiver) that a live confirmed flow leads to.

        Looks at every slot of every table, which takes milliseconds, without the GIL.
        """
        ids = {cluster << 16 | transceiver for cluster, transceiver in routes}
        return {(used >> 16, used & 0xFFFF) for used in self._in_use(ids, 0xFFFFFFFF, now_ms)}

    def clusters_in_use(self, clusters: Iterable[int], now_ms: int) -> set[int]:
        """Return those of these clusters that a live confirmed flow leads to; as :meth:`routes_in_use`."""
        ids = {cluster << 16 for cluster in clusters}
        return {used >> 16 for used in self._in_use(ids, 0xFFFF0000, now_ms)}

    def _in_use(self, ids: set[int], mask: int, now_ms: int) -> list[int]:
        asked = sorted(ids)
        marks = ffi.new("uint8_t[]", len(asked))
        native_ids = ffi.new("uint32_t[]", asked)
        lib.rs_relay_mark_routes(self._relay, now_ms & 0xFFFFFFFF, mask, native_ids, len(asked), marks)
        return [id_ for id_, is_used in zip(asked, marks, strict=True) if is_used]

    def decide(
        self,
        index: int,
        direction: Direction,
        datagrams: Sequence[tuple[bytes, AddressTuple, AddressTuple]],
        now_ms: int,
    ) -> list[tuple[bytes, AddressTuple] | DropReason]:
        """Decide about a batch as a worker's thread would, at a time of the caller's, without sockets: for tests.

        Args:
            index: the worker, whose threads must not be running.
            direction: which of its sides received the batch.
            datagrams: at most 64 of (octets, source, local address), octets at most 2,048.
            now_ms: milliseconds.

        Returns:
            For each datagram the octets to send and their destination, or why it was dropped. Everything is counted
            as if what was to be sent had been.
        """
        if self._decided is None:
            self._decided = ffi.new("struct rs_udp_batch *")
        batch, worker = self._decided, ffi.addressof(self._relay.worker[index])
        for i, (octets, source, local) in enumerate(datagrams):
            slot = lib.rs_udp_slot(batch, i)
            slot.len = len(octets)
            slot.peer, slot.local = source, local
            ffi.memmove(slot.data, octets, len(octets))
        routing = self._routings[-1][1][1]
        verb = lib.rs_relay_uplink if direction is Direction.UPLINK else lib.rs_relay_downlink
        verb(worker, routing, batch.datagrams, len(datagrams), now_ms & 0xFFFFFFFF)
        lib.rs_relay_settle(ffi.addressof(worker.shard.counters, direction), batch.datagrams, len(datagrams))
        return [self._outcome(batch.datagrams[i]) for i in range(len(datagrams))]

    @staticmethod
    def _outcome(datagram: Any) -> tuple[bytes, AddressTuple] | DropReason:
        if datagram.drop:
            return DropReason(datagram.drop)
        return bytes(ffi.buffer(datagram.data, datagram.len)), (bytes(datagram.peer.ip), datagram.peer.port)

    def _shard(self, index: int) -> Any:
        if not 0 <= index < self.workers:
            raise UsageError(f"there is no worker {index}")
        return self._relay.worker[index].shard


def key_count(keys: HintKeys) -> int:
    """Return how many keys a ring holds."""
    present: int = keys.pointer.present
    return present.bit_count()
