"""What serves calls has from the process around it: ports, ids, and the operator's word.

A command's own process binds ports and hears signals itself. A worker has requests, questions and orders from the
process that started it (:mod:`.worker_host`), and what it serves knows no difference.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from ..wire.address import Address
from .admin_port import admin_port
from .config import AdminSection
from .extras import needs_extra
from .process import Process

if TYPE_CHECKING:
    from prometheus_client.registry import Collector
    from starlette.types import ASGIApp

__all__ = ["Collectors", "Host", "OwnHost"]

Collectors = Callable[[], "Sequence[Collector]"]


class Host(Protocol):
    """The process around whoever serves calls."""

    def random(self, count: int) -> bytes:
        """Return octets for ids that nobody guesses."""

    def admin(self, section: AdminSection | None, collectors: Collectors) -> AbstractAsyncContextManager[str]:
        """Let metrics be read within the block; the value is where, for the ready line."""

    def signaling(self, listen: Address, application: ASGIApp) -> AbstractAsyncContextManager[str]:
        """Serve HTTP within the block; the value is where."""

    def on_reload(self, reload: Callable[[], None]) -> None:
        """Call ``reload`` when the configuration is to be read again; what it refuses is logged."""

    def on_undo(self, undo: Callable[[], None]) -> None:
        """Call ``undo`` when a drain is to be taken back."""

    def ready(self, line: str, load: Callable[[], int]) -> None:
        """Everything runs; ``load`` tells the number of calls."""

    async def until_stopped(self) -> signal.Signals:
        """Return when to stop: SIGTERM to drain first, SIGINT at once."""

    def resume(self) -> None:
        """The drain was taken back: :meth:`until_stopped` may be asked again."""


class OwnHost:
    """The process of a command that serves calls itself.

    Args:
        process: hears the signals.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self.random = secrets.token_bytes
        self.on_reload = process.on_reload
        self.on_undo = process.on_undo
        self.resume = process.resume
        self.until_stopped = process.until_stopped

    @contextlib.asynccontextmanager
    async def admin(self, section: AdminSection | None, collectors: Collectors) -> AsyncIterator[str]:
        """Bind the admin port, if there is to be one."""
        async with admin_port(section, self._process, collectors) as address:
            yield str(address or "none")

    @contextlib.asynccontextmanager
    async def signaling(self, listen: Address, application: ASGIApp) -> AsyncIterator[str]:
        """Bind the signaling port."""
        with needs_extra("signaling"):
            from .web import serving
        async with serving("signaling.listen", listen, application) as address:
            yield str(address)

    def ready(self, line: str, load: Callable[[], int]) -> None:
        """Say so."""
        self._process.ready(line)
