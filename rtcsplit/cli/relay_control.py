"""What runs beside a relay's workers: the flow cache, and whoever follows the directory's source."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from ..relay.directory_file import FileSource, read_folder
from ..relay.directory_follower import DirectoryFollower, DirectorySource
from ..relay.registration import Registration
from ..relay.relay import Relay
from ..routing.directory import ClusterRelay, Directory
from .config import RedisSection, RelayConfig, RelaySection
from .extras import needs_extra, require_extra

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

    from ..relay.flow_cache import FlowCache
    from ..relay.redis_link import RedisLink

__all__ = ["RelayControl", "read_directory", "redis_link", "require_extras"]


def read_directory(relay: RelaySection) -> Directory:
    """Return the directory of the file or folder, or an empty one where it comes from elsewhere.

    Raises:
        ConfigurationError: the file is no directory, or one that ``relay.transceiver_networks`` does not allow.
    """
    path, networks = relay.directory, relay.transceiver_networks
    if path is None or not relay.has_directory_file:
        return Directory()
    setting = "relay.directory"
    if path.is_dir():
        return read_folder(path, networks, is_ipv4_only=relay.upstream.is_ipv4, setting=setting)
    directory = Directory.from_file(path, setting=setting)
    if networks and (outside := directory.outside(networks)):
        allowed = ", ".join(map(str, networks))
        expected = f"an address within relay.transceiver_networks ({allowed})"
        raise ConfigurationError(setting, str(outside[0]), expected)
    return directory


def require_extras(config: RelayConfig) -> None:
    """Refuse a configuration that needs libraries which are not installed; imports none of them.

    Raises:
        MissingLibraryError: names the library and what to install.
    """
    if config.admin is not None:
        require_extra("metrics")
    if config.redis is not None:
        require_extra("redis")
    if config.relay.directory_source == "dns":
        require_extra("dns")


def redis_link(section: RedisSection) -> RedisLink:
    """Return a link that is not connected yet.

    Raises:
        MissingLibraryError: the extra ``redis`` is not installed.
    """
    with needs_extra("redis"):
        from ..relay.redis_link import RedisLink, RedisSettings
    return RedisLink(RedisSettings(section.url, section.key_prefix))


class RelayControl:
    """An asynchronous context manager around a relay that runs. The flow cache begins with :meth:`take_charge`.

    Args:
        config: what to run.
        relay: not started yet.
        read_file: reads the directory file again.
        is_ready: whether it takes clients, or drains.

    Raises:
        MissingLibraryError: an extra is not installed.
        ConfigurationError: a setting cannot be used.
    """

    def __init__(
        self,
        config: RelayConfig,
        relay: Relay,
        read_file: Callable[[], Directory],
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._config, self._relay, self._is_ready = config, relay, is_ready
        self._stack = contextlib.AsyncExitStack()
        self._link = redis_link(config.redis) if config.redis is not None else None
        self._follower = DirectoryFollower(relay, _source(config, relay, self._link, read_file))
        self._flow_cache = None if self._link is None else _flow_cache(relay, self._link)

    def collectors(self) -> list[Collector]:
        """Return what exports the metrics; they need the extra ``metrics``."""
        from ..relay.control_metrics import DirectoryCollector, FlowCacheCollector

        collectors: list[Collector] = [DirectoryCollector(self._follower)]
        if self._flow_cache is not None:
            collectors.append(FlowCacheCollector(self._flow_cache.counters))
        return collectors

    async def __aenter__(self) -> RelayControl:
        async with contextlib.AsyncExitStack() as stack:
            if self._link is not None:
                stack.push_async_callback(self._link.close)
                await self._link.check_access()
            await stack.enter_async_context(self._follower)
            self._stack = stack.pop_all()
        return self

    async def take_charge(self) -> None:
        """Serve the workers' queues, which no other process may do at the time."""
        if self._flow_cache is not None:
            await self._stack.enter_async_context(self._flow_cache)
        if self._link is not None and self._config.is_announced:
            from ..relay.registry_redis import RedisRegistry

            registry = RedisRegistry(self._link, lambda: self._relay.keys)
            await self._stack.enter_async_context(Registration(registry, self._entry))

    def _entry(self) -> ClusterRelay | None:
        """What they find; nothing while it drains."""
        cluster, address = self._config.relay.cluster, self._config.relay.relay_announce or self._relay.relay_address
        if cluster is None or address is None or not self._is_ready():
            return None
        return ClusterRelay(cluster, address)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def _flow_cache(relay: Relay, link: RedisLink) -> FlowCache:
    from ..relay.flow_cache import FlowCache

    return FlowCache(relay, link)


def _source(
    config: RelayConfig, relay: Relay, link: RedisLink | None, read_file: Callable[[], Directory]
) -> DirectorySource:
    networks, is_ipv4_only = config.relay.transceiver_networks, config.relay.upstream.is_ipv4
    if config.relay.directory_source == "redis":
        from ..relay.directory_redis import RedisSource

        assert link is not None
        cluster = config.relay.cluster
        return RedisSource(link, lambda: relay.keys, networks, is_ipv4_only=is_ipv4_only, cluster=cluster)
    if config.relay.directory_source == "dns":
        with needs_extra("dns"):
            from ..relay.directory_dns import ClusterName, DnsSettings, DnsSource, resolver

        section = config.directory_dns
        assert section is not None
        settings = DnsSettings(
            section.name or "",
            section.port or 0,
            section.cluster or 0,
            section.first_id,
            section.count,
            networks,
            is_ipv4_only,
            tuple(ClusterName(*fields) for fields in section.cluster_names()),
            section.trunk,
        )
        return DnsSource(settings, resolver(section.nameserver))
    assert config.relay.directory is not None
    return FileSource(config.relay.directory, read_file)
