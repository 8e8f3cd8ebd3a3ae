"""The admin port of a running command, if its configuration has one."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from ..wire.address import Address
from .config import AdminSection
from .extras import needs_extra
from .process import HasReadiness

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

__all__ = ["admin_port"]


@contextlib.asynccontextmanager
async def admin_port(
    section: AdminSection | None,
    process: HasReadiness,
    make_collectors: Callable[[], Sequence[Collector]],
    *,
    listener: socket.socket | None = None,
    refresh: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[Address | None]:
    """Serve liveness, readiness and metrics until the block ends; the value is the bound address.

    Args:
        section: None for no port at all.
        process: its readiness is what ``/readyz`` says.
        make_collectors: called where there is a port; imports what the extra installs.
        listener: listens already, instead of a socket bound here; closed at the end.
        refresh: awaited before metrics are read.

    Raises:
        ConfigurationError: the address cannot be bound.
        MissingLibraryError: the extra ``metrics`` is not installed.
    """
    if section is None:
        yield None
        return
    with needs_extra("metrics"):
        from .admin import admin_application
        from .web import serving

        collectors = make_collectors()
    ready = lambda: process.is_ready  # noqa: E731
    application = (
        admin_application(ready, collectors) if refresh is None else admin_application(ready, collectors, refresh)
    )
    async with serving("admin.listen", section.listen, application, listener=listener) as address:
        yield address
