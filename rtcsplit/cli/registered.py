"""A running transceiver's place in the registry, if its configuration has one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial

from ..relay.registration import Registration
from ..routing.directory import DirectoryEntry, EntryState
from ..routing.hint import Route, RoutingKeys
from ..transceiver.transceiver import Transceiver
from .config import TransceiverConfig
from .relay_control import redis_link

__all__ = ["registered"]


@contextlib.asynccontextmanager
async def registered(config: TransceiverConfig, endpoint: Transceiver) -> AsyncIterator[None]:
    """Announce the transceiver to the relays until the block ends, which is after its last session.

    Raises:
        ConfigurationError: Redis refuses our user or password.
        MissingLibraryError: the extra ``redis`` is not installed.
    """
    if config.redis is None or endpoint.keys is None:
        yield
        return
    link = redis_link(config.redis)
    from ..relay.registry_redis import RedisRegistry

    section = config.transceiver
    route = Route(section.cluster or 0, section.id or 0)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(link.close)
        await link.check_access()
        address = section.announce or endpoint.address

        def entry() -> DirectoryEntry:
            state = EntryState.DRAINING if endpoint.is_draining else EntryState.ACTIVE
            return DirectoryEntry(route, address, state, trunk=section.trunk_mtu > 0)

        await stack.enter_async_context(Registration(RedisRegistry(link, partial(_ring, endpoint)), entry))
        yield


def _ring(endpoint: Transceiver) -> RoutingKeys:
    assert endpoint.keys is not None
    return endpoint.keys
