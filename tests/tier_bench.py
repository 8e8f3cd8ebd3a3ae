"""Two tiers on loopback: a first relay, the relays of a cluster, and their transceivers, all real but the peers.

::

    client ──► first relay ──[header]──► one of the cluster's relays ──► transceiver (a socket of ours)
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_network

from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Cluster, Directory, DirectoryEntry
from rtcsplit.wire.address import Address
from tests.relay_bench import FIRST, KEYS, SECOND, Bench, Peer

__all__ = ["TierBench", "two_tiers"]


class TierBench(Bench):
    """A bench whose relay is the first one.

    Attributes:
        cluster: the relays of the cluster.
    """

    cluster: list[Relay]

    def serving(self) -> list[int]:
        """Datagrams that each relay of the cluster took from the first one."""
        return [relay.counters().relays_rx.datagrams for relay in self.cluster]


@contextlib.asynccontextmanager
async def two_tiers(
    relays: int = 2, *, public: str = "127.0.0.1", internal: str = "127.0.0.1"
) -> AsyncIterator[TierBench]:
    """A bench around a first relay and so many relays of one cluster."""
    public_port, internal_port = Address.of(public, 0), Address.of(internal, 0)
    networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    async with contextlib.AsyncExitStack() as stack:
        peers = {}
        for route in (FIRST, SECOND):
            peers[route] = Peer(internal)
            stack.callback(peers[route].sock.close)
        inner = Directory([DirectoryEntry(route, peer.address) for route, peer in peers.items()])
        serving = RelaySettings(
            internal_port,
            internal_port,
            1,
            networks,
            confirmed_flows=1024,
            relay_listen=internal_port,
            relay_networks=networks,
            pins_workers=False,
        )
        cluster = [await stack.enter_async_context(Relay(serving, KEYS, inner)) for _ in range(relays)]
        addresses = tuple(relay.relay_address for relay in cluster if relay.relay_address is not None)
        outer = Directory(clusters=[Cluster(FIRST.cluster, addresses)])
        settings = RelaySettings(public_port, internal_port, 1, networks, confirmed_flows=1024, pins_workers=False)
        first = await stack.enter_async_context(Relay(settings, KEYS, outer))
        with contextlib.ExitStack() as sockets:
            bench = TierBench(first, sockets)
            bench.transceivers = peers
            bench.cluster = cluster
            yield bench
