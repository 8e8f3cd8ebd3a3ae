"""A running transceiver's place in the registries that its configuration names."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial

from ..relay.registration import Registration, Registry
from ..relay.registry_file import FileRegistry
from ..routing.directory import DirectoryEntry, EntryState
from ..routing.hint import Route, RoutingKeys
from ..transceiver.transceiver import Transceiver
from .config import TransceiverConfig
from .relay_control import redis_link

__all__ = ["registered"]


@contextlib.asynccontextmanager
async def registered(config: TransceiverConfig, endpoint: Transceiver) -> AsyncIterator[None]:
    """Announce the transceiver to the relays; at the end of the block stop it, and only then withdraw it.

    Raises:
        ConfigurationError: Redis refuses our user or password, or the folder cannot be written to.
        MissingLibraryError: the extra ``redis`` is not installed.
    """
    section = config.transceiver
    route, address = Route(section.cluster or 0, section.id or 0), section.announce or endpoint.address

    def entry() -> DirectoryEntry:
        state = EntryState.DRAINING if endpoint.is_draining else EntryState.ACTIVE
        return DirectoryEntry(route, address, state, trunk=section.trunk_mtu > 0)

    async with contextlib.AsyncExitStack() as stack:
        for registry in await _registries(config, endpoint, stack):
            await stack.enter_async_context(Registration(registry, entry))
        stack.push_async_callback(endpoint.stop)  # until its last session has ended relays have to route to it
        yield


async def _registries(
    config: TransceiverConfig, endpoint: Transceiver, stack: contextlib.AsyncExitStack
) -> list[Registry]:
    registries: list[Registry] = []
    if config.transceiver.announce_to is not None:
        folder = FileRegistry(config.transceiver.announce_to)
        folder.check_access()
        registries.append(folder)
    if config.redis is not None and endpoint.keys is not None:
        link = redis_link(config.redis)
        from ..relay.registry_redis import RedisRegistry

        stack.push_async_callback(link.close)
        await link.check_access()
        registries.append(RedisRegistry(link, partial(_ring, endpoint)))
    return registries


def _ring(endpoint: Transceiver) -> RoutingKeys:
    assert endpoint.keys is not None
    return endpoint.keys
