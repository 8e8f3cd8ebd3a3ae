"""``relay.toml``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from ...errors import ConfigurationError
from ...wire.address import Address
from .. import values
from ..values import Network
from .directory_dns import DirectoryDnsSection
from .key import LISTEN, MAX_WORKERS, NETWORKS, U16, BufferBytes, DrainSeconds, Workers, takes
from .shared import AdminSection, HintKeysSection, RedisSection

__all__ = ["RelayConfig", "RelaySection", "available_cpus"]

Flows = Annotated[int, Meta(ge=1024, le=1 << 24)]
Microseconds = Annotated[int, Meta(ge=0, le=250)]
Mtu = Annotated[int, Meta(ge=1280, le=65535)]


def available_cpus() -> int:
    """Return how many workers a relay has unless told otherwise."""
    return min(len(os.sched_getaffinity(0)), MAX_WORKERS)


def _overlaps(one: Address, other: Address) -> bool:
    return one.ip == other.ip or any(map(values.is_wildcard, (one, other)))


class RelaySection(Struct, frozen=True, kw_only=True):
    """``[relay]``: the public side, the internal side, and how much memory flows may take."""

    listen: Annotated[Address | None, LISTEN] = None
    upstream: Annotated[Address, LISTEN]
    directory_source: Annotated[Literal["file", "redis", "dns"], takes('"file", "redis" or "dns"')] = "file"
    directory: Annotated[Path | None, takes("a TOML file of transceivers, or a folder of them", values.path)] = None
    transceiver_networks: Annotated[tuple[Network, ...], NETWORKS] = ()
    relay_listen: Annotated[Address | None, LISTEN] = None
    relay_networks: Annotated[tuple[Network, ...], NETWORKS] = ()
    cluster: Annotated[U16 | None, takes("the cluster's id, 0..65535")] = None
    relay_announce: Annotated[
        Address | None,
        takes('the address that other relays send to, "HOST:PORT", no wildcard', values.destination_address),
    ] = None
    workers: Annotated[Workers, takes(f"a number of workers, 1..{MAX_WORKERS}")] = field(default_factory=available_cpus)
    allow_client_networks: Annotated[tuple[Network, ...], NETWORKS] = ()
    confirmed_flows: Annotated[Flows, takes("a number of flows per worker, 1024..16777216")] = 131072
    receive_buffer_bytes: Annotated[BufferBytes, takes("octets, 65536..1073741824")] = 4194304
    rescue_uplink: Annotated[bool, takes("true or false")] = False
    runs: Annotated[bool, takes("true or false")] = True
    internal_mtu: Annotated[Mtu, takes("octets, 1280..65535")] = 1500
    coalesce_us: Annotated[Microseconds, takes("microseconds, 0..250")] = 0
    standby: Annotated[bool, takes("true or false")] = True
    drain_seconds: Annotated[DrainSeconds, takes("seconds, 0..604800")] = 10

    def __post_init__(self) -> None:
        kinds = sum(address is not None for address in (self.listen, self.relay_listen))
        if not kinds:
            raise ConfigurationError("relay.listen", None, "the address to bind, or relay_listen")
        highest = self.upstream.port + kinds * self.workers - 1
        if self.upstream.port and highest > 65535:
            expected = f"a port with {kinds * self.workers - 1} more above it, one for each worker"
            raise ConfigurationError("relay.upstream", str(self.upstream), expected)
        if self.listen is not None:
            self._require_apart("listen", self.listen, highest)
        if self.relay_listen is not None:
            self._check_relays(self.relay_listen, kinds, highest)
        elif self.relay_networks:
            networks = [str(network) for network in self.relay_networks]
            raise ConfigurationError("relay.relay_networks", networks, "no networks where there is no relay_listen")

    @property
    def has_directory_file(self) -> bool:
        """Whether a file, or a folder of them, lists the transceivers."""
        return self.directory_source == "file" and self.directory is not None

    def _check_relays(self, relay_listen: Address, kinds: int, highest: int) -> None:
        if not self.relay_networks:
            raise ConfigurationError("relay.relay_networks", [], "the networks that other relays send from")
        if kinds * self.workers > MAX_WORKERS:
            expected = f"1..{MAX_WORKERS // 2}, since relay_listen takes as many again"
            raise ConfigurationError("relay.workers", self.workers, expected)
        self._require_apart("relay_listen", relay_listen, highest)
        if self.cluster is not None and self.relay_announce is None and values.is_wildcard(relay_listen):
            expected = "the address that other relays send to, since relay_listen is a wildcard"
            raise ConfigurationError("relay.relay_announce", None, expected)
        listen = self.listen
        if listen is not None and _overlaps(relay_listen, listen) and relay_listen.port == listen.port != 0:
            expected = f"an address other than relay.listen, {listen}"
            raise ConfigurationError("relay.relay_listen", str(relay_listen), expected)

    def _require_apart(self, name: str, address: Address, highest: int) -> None:
        if _overlaps(address, self.upstream) and self.upstream.port <= address.port <= highest and address.port:
            expected = f"ports other than that of relay.{name}, {address}"
            raise ConfigurationError("relay.upstream", str(self.upstream), expected)


class RelayConfig(Struct, frozen=True, kw_only=True):
    """The whole of ``relay.toml``."""

    relay: RelaySection
    hint_keys: HintKeysSection
    redis: RedisSection | None = None
    directory_dns: DirectoryDnsSection | None = None
    admin: AdminSection | None = None

    def __post_init__(self) -> None:
        source = self.relay.directory_source
        if source == "file" and self.relay.directory is None:
            raise ConfigurationError("relay.directory", None, "a TOML file of transceivers, or a folder of them")
        if source == "redis" and self.redis is None:
            raise ConfigurationError("redis.url", None, "where Redis is, since relay.directory_source is redis")
        if source == "dns" and self.directory_dns is None:
            raise ConfigurationError("directory_dns.name", None, "a name, since relay.directory_source is dns")

    @property
    def is_announced(self) -> bool:
        """Whether other relays are to find this one in Redis."""
        return self.redis is not None and self.relay.cluster is not None and self.relay.relay_listen is not None
