"""The relay: starts, feeds, observes and stops the C workers.

No datagram passes through Python. This object opens the sockets, hands routing values down, and reads counters;
docs/explanation/relay.md says what the workers do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from itertools import chain
from types import TracebackType

from .._native.relay import Direction, NativeRelay, RouteTuple, key_count
from .._native.relay_flows import RelayFlows
from .._native.udp import kernel_drops
from ..errors import ConfigurationError, UsageError
from ..routing.directory import Cluster, Directory, DirectoryEntry
from ..routing.hint import Route, RoutingKeys
from ..wire.address import Address
from ..wire.network import mapped_network
from .counters import RelayCounters, WorkerCounters
from .held_directory import HeldDirectory
from .holdings import Holdings
from .routes import RoutesInForce
from .settings import RelaySettings
from .sockets import WorkerSockets, address_of, open_sockets, tell_of_refusals

__all__ = ["Relay"]

_log = logging.getLogger(__name__)

# How often values that workers may still be using, and routes that flows may still need, are looked at. Only after a
# replacement, and until they are gone.
_HOUSEKEEPING_SECONDS = 1.0


class Relay:
    """Forwards between clients on one public UDP address and the transceivers of a directory.

    Every method is called from the event loop's thread. Use it as an asynchronous context manager, or call
    :meth:`start` and :meth:`stop`; a relay is started once.

    Args:
        settings: addresses, workers, sizes.
        keys: open the hints of clients' ufrags.
        directory: where routes lead; None for what was in force in the process before this one, if anything was.
        on_failure: called in the event loop, with the reason, for each worker that ends although nobody asked it to.
        holdings: sockets and memory that outlive this process, instead of its own. The workers then wait until no
            other process forwards, and go on with its flows and counters.
    """

    def __init__(
        self,
        settings: RelaySettings,
        keys: RoutingKeys,
        directory: Directory | None,
        *,
        on_failure: Callable[[OSError], None] | None = None,
        holdings: Holdings | None = None,
    ) -> None:
        self._settings = settings
        self._holdings = holdings
        self._on_failure = on_failure
        self._keys = keys
        self._held_directory = None if holdings is None else HeldDirectory(holdings.directory)
        self._keeps_directory = False
        self._routes = RoutesInForce(self._first_directory(directory))
        if directory is not None:
            self._routes.replace(directory)
        self._native: NativeRelay | None = None
        self._sockets: list[WorkerSockets] = []
        self._threads: list[threading.Thread] = []
        self._housekeeping: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._address = self._first_address(settings)
        self._relay_address: Address | None = None
        self._upstream_addresses: tuple[Address, ...] = ()
        self._overflow: tuple[int, ...] = (0,) * settings.worker_count
        self.failure: OSError | None = None
        """Why a worker ended that nobody asked to; None as long as all is well."""

    @staticmethod
    def _first_address(settings: RelaySettings) -> Address:
        address = settings.listen or settings.relay_listen
        assert address is not None
        return address

    def _first_directory(self, directory: Directory | None) -> Directory:
        """What was in force in the process before this one; the one that was given where there was none."""
        held = None if self._held_directory is None else self._held_directory.read()
        return held or directory or Directory()

    @property
    def address(self) -> Address:
        """The public address, with the port that the kernel chose where the settings say 0.

        Where only other relays are served, the one for those.
        """
        return self._address

    @property
    def relay_address(self) -> Address | None:
        """Where other relays are served; None before the start, and where none are."""
        return self._relay_address

    @property
    def upstream_addresses(self) -> tuple[Address, ...]:
        """The internal addresses, one per worker; empty before the start."""
        return self._upstream_addresses

    @property
    def directory(self) -> Directory:
        """What it was told last; routes that are kept for running sessions are not in it."""
        return self._routes.listed

    @property
    def keys(self) -> RoutingKeys:
        """The ring in force."""
        return self._keys

    def flows(self) -> RelayFlows:
        """Return the control thread's side of the workers' queues, for the one flow cache that a relay may have.

        Raises:
            UsageError: not started.
        """
        if self._native is None:
            raise UsageError("the relay is not started")
        return RelayFlows(self._native)

    @property
    def region(self) -> int | None:
        """Descriptor of the memory of tables and counters: another one than was held if that did not fit."""
        return None if self._native is None else self._native.region_fd

    @property
    def is_running(self) -> bool:
        """Whether it was started, was not stopped, and no worker has failed."""
        return bool(self._threads) and not self._is_stopped and self.failure is None

    async def start(self) -> None:
        """Bind the sockets and start the workers, all or none.

        Raises:
            ConfigurationError: an address cannot be bound, or the directory has addresses that the upstream sockets
                cannot send to; nothing was started.
            UsageError: it was started before.
        """
        if self._native is not None or self._is_stopped:
            raise UsageError("a relay is started once")
        self._check_families(self._routes)
        held = self._holdings
        sockets = open_sockets(self._settings) if held is None else list(held.sockets)
        shared = None if held is None else (held.region, held.seats)
        try:
            secret = secrets.token_bytes(16)
            native = NativeRelay(self._settings.worker_count, self._settings.confirmed_flows, secret, shared)
            native.tune(
                sends_runs=self._settings.runs,
                internal_mtu=self._settings.internal_mtu,
                coalesce_us=self._settings.coalesce_us,
            )
            for index, pair in enumerate(sockets):
                native.attach(index, pair.public.fileno(), pair.upstream.fileno(), self._cpu(index))
                if pair.serves_relays:
                    native.serve_relays(index)
                if self._settings.rescues_uplink:
                    native.rescue_uplink(index)
        except BaseException:
            for pair in sockets:
                pair.close()
            raise
        self._native, self._sockets = native, sockets
        self._address = address_of(sockets[0].public)
        if self._settings.relay_listen is not None:
            self._relay_address = address_of(sockets[-1].public)
        self._upstream_addresses = tuple(address_of(pair.upstream) for pair in sockets)
        for network in self._settings.allow_client_networks:
            _log.warning("client_network_admitted", extra={"network": str(network)})
        self._replaced()
        self._start_threads()

    async def stop(self) -> None:
        """Stop the workers and close the sockets; takes up to a tenth of a second. Counters stay readable.

        Calling it again, or without a start, does nothing.
        """
        if self._is_stopped or self._native is None:
            self._is_stopped = True
            return
        self._is_stopped = True
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self._native.stop()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._overflow = self._read_overflow()
        for pair in self._sockets:
            pair.close()

    async def __aenter__(self) -> Relay:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def replace_directory(self, directory: Directory) -> None:
        """Route by another directory from the workers' next batch on.

        An entry that is no longer listed stays routed, as draining, until the last flow to it expires; one that is
        listed as dead is not.

        Raises:
            ConfigurationError: it has addresses that the upstream sockets cannot send to; nothing was replaced.
        """
        replaced = RoutesInForce(directory)
        self._check_families(replaced)
        self._routes.replace(directory)
        self._replaced()

    def take_charge(self) -> None:
        """Keep the directory in force where processes that are started later find it: one process at a time does."""
        self._keeps_directory = True
        self._keep_directory()

    def _keep_directory(self) -> None:
        if self._keeps_directory and self._held_directory is not None:
            with contextlib.suppress(UsageError):  # with what vanished there are more relays than one directory has
                self._held_directory.write(self._routes.in_force)

    def replace_keys(self, keys: RoutingKeys) -> None:
        """Open hints with another ring from the workers' next batch on.

        What only a removed key opened is routed no more, running flows included.
        """
        self._keys = keys
        self._replaced()

    def counters(self) -> RelayCounters:
        """Return what has been counted; nothing is stopped or waited for."""
        workers = []
        if self._native is not None:
            overflow = self._overflow if self._is_stopped else self._read_overflow()
            for index, pair in enumerate(self._sockets):
                up, down = (self._native.counts(index, direction) for direction in Direction)
                flows = self._native.flows(index)
                workers.append(WorkerCounters.of(up, down, flows, overflow[index], serves_relays=pair.serves_relays))
        routes = sum(entry.is_routed for entry in self._routes.entries)
        routes += sum(len(cluster.relays) for cluster in self._routes.clusters)
        return RelayCounters(tuple(workers), routes, key_count(self._keys.native))

    def _replaced(self) -> None:
        if self._native is None or self._is_stopped:
            return
        self._publish()
        if self._housekeeping is None or self._housekeeping.done():
            self._housekeeping = asyncio.get_running_loop().create_task(self._keep_house(self._native))

    def _publish(self) -> None:
        assert self._native is not None
        if self._routes.clusters:
            for pair in self._sockets:
                tell_of_refusals(pair.upstream)
        self._keep_directory()
        self._native.publish(
            self._keys.native,
            [*map(_transceiver, self._routes.entries), *chain(*map(_relays, self._routes.clusters))],
            [self._address, *([self._relay_address] if self._relay_address else []), *self._upstream_addresses],
            [mapped_network(network) for network in self._settings.allow_client_networks],
            [mapped_network(network) for network in self._settings.relay_networks],
        )

    async def _keep_house(self, native: NativeRelay) -> None:
        """Free what replacements left behind, until nothing is."""
        while native.reclaim() > 1 or self._routes.kept or self._routes.kept_clusters:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            kept = {(route.cluster, route.transceiver) for route in self._routes.kept}
            clusters = {*self._routes.kept_clusters}
            now_ms = int(time.monotonic() * 1000)
            unused = kept - await asyncio.to_thread(native.routes_in_use, kept, now_ms)
            unused_clusters = clusters - await asyncio.to_thread(native.clusters_in_use, clusters, now_ms)
            if unused or unused_clusters:
                self._routes.release([Route(*ids) for ids in unused], unused_clusters)
                self._publish()

    def _start_threads(self) -> None:
        loop = asyncio.get_running_loop()
        for index in range(self._settings.worker_count):
            for direction in Direction:
                # A daemon: a program that forgets stop() ends nevertheless.
                thread = threading.Thread(target=self._run, args=(index, direction, loop), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _run(self, index: int, direction: Direction, loop: asyncio.AbstractEventLoop) -> None:
        assert self._native is not None
        try:
            self._native.run(index, direction)
        except OSError as error:
            _log.error("worker_ended", extra={"worker": index, "reason": str(error)})
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                loop.call_soon_threadsafe(self._fail, error)

    def _fail(self, error: OSError) -> None:
        self.failure = error
        if self._on_failure is not None:
            self._on_failure(error)

    def _read_overflow(self) -> tuple[int, ...]:
        return tuple(kernel_drops(pair.public) + kernel_drops(pair.upstream) for pair in self._sockets)

    def _cpu(self, index: int) -> int | None:
        if not self._settings.pins_workers:
            return None
        allowed = sorted(os.sched_getaffinity(0))
        of_its_kind = index * self._settings.workers // self._settings.worker_count
        return allowed[of_its_kind % len(allowed)]

    def _check_families(self, routes: RoutesInForce) -> None:
        if not self._settings.upstream.is_ipv4:
            return
        for address in routes.listed.addresses():
            if not address.is_ipv4:
                expected = "an IPv4 address, since relay.upstream is one"
                raise ConfigurationError("directory", str(address), expected)


def _transceiver(entry: DirectoryEntry) -> RouteTuple:
    ids = entry.route
    return RouteTuple(ids.cluster, ids.transceiver, entry.address, entry.is_routed, reads_trunks=entry.trunk)


def _relays(cluster: Cluster) -> list[RouteTuple]:
    return [RouteTuple(cluster.id, 0, address, True, is_relay=True) for address in cluster.relays]
