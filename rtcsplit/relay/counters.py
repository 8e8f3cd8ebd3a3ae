"""What a relay has counted: plain values, read while the workers run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .._native.relay import EVENTS, KINDS, Counts
from ..drops import DropReason

__all__ = ["RelayCounters", "Traffic", "WorkerCounters"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Datagrams one way on one side; on the internal side the octets include the 38-octet headers."""

    datagrams: int
    bytes: int


@dataclass(frozen=True, slots=True)
class WorkerCounters:
    """One worker's counters since the start.

    For each direction the datagrams received equal those sent plus those dropped, whenever the worker is idle.

    Attributes:
        serves_relays: whether other relays are where clients would be; their datagrams have headers on both sides.
        public_rx: from clients, or from those relays.
        public_tx: to clients, or to those relays.
        internal_rx: from transceivers.
        internal_tx: to transceivers.
        classified: datagrams from clients by kind: stun, dtls, rtp, rtcp, other.
        uplink_drops: datagrams from clients that went nowhere, by reason; reasons that never happened are absent.
        downlink_drops: likewise, datagrams from the internal side.
        flow_events: created, confirmed, moved, expired, evicted, recovered, flow_conflict, rescued.
        embryonic_flows: held now.
        confirmed_flows: held now.
        socket_overflow: datagrams that the kernel dropped before we saw them, because a receive buffer was full.
        uplink_cpu_seconds: CPU time of the thread from clients to transceivers, up to a tenth of a second ago.
        downlink_cpu_seconds: likewise, of the other thread.
    """

    serves_relays: bool
    public_rx: Traffic
    public_tx: Traffic
    internal_rx: Traffic
    internal_tx: Traffic
    classified: dict[str, int]
    uplink_drops: Counter[DropReason]
    downlink_drops: Counter[DropReason]
    flow_events: Counter[str]
    embryonic_flows: int
    confirmed_flows: int
    socket_overflow: int
    uplink_cpu_seconds: float
    downlink_cpu_seconds: float

    @property
    def drops(self) -> Counter[DropReason]:
        """Both directions' drops."""
        return self.uplink_drops + self.downlink_drops

    @classmethod
    def of(
        cls,
        uplink: Counts,
        downlink: Counts,
        flows: tuple[int, int],
        socket_overflow: int,
        *,
        serves_relays: bool = False,
    ) -> WorkerCounters:
        """Put together what the native relay counts per direction."""
        return cls(
            serves_relays=serves_relays,
            public_rx=Traffic(uplink.rx_datagrams, uplink.rx_bytes),
            public_tx=Traffic(downlink.tx_datagrams, downlink.tx_bytes),
            internal_rx=Traffic(downlink.rx_datagrams, downlink.rx_bytes),
            internal_tx=Traffic(uplink.tx_datagrams, uplink.tx_bytes),
            classified=dict(zip(KINDS, uplink.kinds, strict=True)),
            uplink_drops=_drops(uplink.drops),
            downlink_drops=_drops(downlink.drops),
            flow_events=Counter(
                {name: up + down for name, up, down in zip(EVENTS, uplink.events, downlink.events, strict=True)}
            ),
            embryonic_flows=flows[0],
            confirmed_flows=flows[1],
            socket_overflow=socket_overflow,
            uplink_cpu_seconds=uplink.cpu_ns / 1e9,
            downlink_cpu_seconds=downlink.cpu_ns / 1e9,
        )


@dataclass(frozen=True, slots=True)
class RelayCounters:
    """All workers' counters, and their sums.

    Attributes:
        workers: in the order of their indices.
        routes: entries of the directory that are routed, those kept for running sessions included.
        hint_keys: keys that open hints.
    """

    workers: tuple[WorkerCounters, ...]
    routes: int
    hint_keys: int

    @property
    def public_rx(self) -> Traffic:
        """From clients, all workers."""
        return _sum(worker.public_rx for worker in self.workers if not worker.serves_relays)

    @property
    def public_tx(self) -> Traffic:
        """To clients, all workers."""
        return _sum(worker.public_tx for worker in self.workers if not worker.serves_relays)

    @property
    def relays_rx(self) -> Traffic:
        """From other relays, all workers."""
        return _sum(worker.public_rx for worker in self.workers if worker.serves_relays)

    @property
    def relays_tx(self) -> Traffic:
        """To other relays, all workers."""
        return _sum(worker.public_tx for worker in self.workers if worker.serves_relays)

    @property
    def internal_rx(self) -> Traffic:
        """From transceivers, all workers."""
        return _sum(worker.internal_rx for worker in self.workers)

    @property
    def internal_tx(self) -> Traffic:
        """To transceivers, all workers."""
        return _sum(worker.internal_tx for worker in self.workers)

    @property
    def drops(self) -> Counter[DropReason]:
        """Datagrams that went nowhere, by reason, both directions of all workers."""
        return sum((worker.drops for worker in self.workers), Counter())

    @property
    def flow_events(self) -> Counter[str]:
        """What happened to flows, all workers."""
        return sum((worker.flow_events for worker in self.workers), Counter())

    @property
    def embryonic_flows(self) -> int:
        """Held now, all workers."""
        return sum(worker.embryonic_flows for worker in self.workers)

    @property
    def confirmed_flows(self) -> int:
        """Held now, all workers."""
        return sum(worker.confirmed_flows for worker in self.workers)

    @property
    def socket_overflow(self) -> int:
        """Datagrams that the kernel dropped, all workers."""
        return sum(worker.socket_overflow for worker in self.workers)


def _drops(counts: Iterable[int]) -> Counter[DropReason]:
    return Counter({DropReason(reason): count for reason, count in enumerate(counts) if count})


def _sum(traffic: Iterable[Traffic]) -> Traffic:
    each = list(traffic)
    return Traffic(sum(one.datagrams for one in each), sum(one.bytes for one in each))
