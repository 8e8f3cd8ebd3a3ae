"""One process, its signals and its end; every long-running command goes through :func:`run`.

SIGTERM and SIGINT tell it to stop; a command may make a difference between them. From the first one on their default
is back in force, so that a second one ends the process at once, even where stopping hangs. SIGHUP reloads, SIGUSR1
takes back a SIGTERM while the process waits because of it. systemd hears when the process is ready and stopping
(``Type=notify``, sd_notify(3)).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import click

from ..errors import ConfigurationError, RtcsplitError

__all__ = ["HasReadiness", "Process", "reload_and_log", "run"]

log = logging.getLogger(__name__)


class HasReadiness(Protocol):
    """Who knows whether a process is ready."""

    @property
    def is_ready(self) -> bool:
        """What ``/readyz`` says."""


class Process:
    """What a command knows about the process it runs in.

    Attributes:
        is_ready: True from :meth:`ready` until the first signal to stop.
    """

    def __init__(self) -> None:
        self.is_ready = False
        self._stopped = asyncio.Event()
        self._signal = signal.SIGTERM
        self._reload: Callable[[], None] | None = None
        self._undo: Callable[[], None] = lambda: None
        self._failure: RtcsplitError | None = None
        self._arm()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._handle_reload)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: self._undo())

    def _arm(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, number)

    def resume(self) -> None:
        """Take back that the process was told to stop: it is ready as before, and may be told again."""
        self._stopped.clear()
        self.is_ready = True
        self._arm()
        _notify_systemd("READY=1")

    def on_reload(self, reload: Callable[[], None]) -> None:
        """Call ``reload`` for each SIGHUP; what it raises is logged and leaves the process as it was."""
        self._reload = reload

    def on_undo(self, undo: Callable[[], None]) -> None:
        """Call ``undo`` for each SIGUSR1; whoever stops waiting because of it calls :meth:`resume`."""
        self._undo = undo

    def ready(self, line: str) -> None:
        """Say on stdout that everything is bound and running, unless the process was told to stop meanwhile."""
        if self._stopped.is_set():
            return
        self.is_ready = True
        click.echo(line)
        _notify_systemd("READY=1")

    async def until_stopped(self) -> signal.Signals:
        """Return the signal by which the process was told to stop.

        Raises:
            RtcsplitError: it cannot go on, see :meth:`fail`.
        """
        await self._stopped.wait()
        if self._failure is not None:
            raise self._failure
        return self._signal

    def fail(self, error: RtcsplitError) -> None:
        """Let :meth:`until_stopped` raise ``error``: the process has lost what it is there for."""
        self._failure = error
        self.is_ready = False
        self._stopped.set()

    def _stop(self, number: signal.Signals) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        self._signal = number
        self.is_ready = False
        self._stopped.set()
        _notify_systemd("STOPPING=1")

    def _handle_reload(self) -> None:
        if self._reload is None:
            log.warning("reload_unsupported")
            return
        reload_and_log(self._reload)


def reload_and_log(reload: Callable[[], None]) -> bool:
    """Call ``reload``, and log that it was done or what it refused; return whether it was done."""
    try:
        reload()
    except ConfigurationError as error:
        facts = {"key": error.key, "value": error.value, "expected": error.expected}
        log.error("reload_failed", extra=facts)
    except RtcsplitError as error:
        log.error("reload_failed", extra={"reason": str(error)})
    else:
        log.info("reloaded")
        return True
    return False


def run(
    serve: Callable[[Process], Awaitable[None]],
    run_loop: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run,
) -> None:
    """Run ``serve`` until it returns, which it does when its process is told to stop.

    Args:
        serve: what the process is there for.
        run_loop: runs it in an event loop.

    Raises:
        RtcsplitError: it could not start, or could not go on; what it had started is stopped again.
    """

    async def main() -> None:
        await serve(Process())

    run_loop(main())


def _notify_systemd(state: str) -> None:
    name = os.environ.get("NOTIFY_SOCKET")
    if not name:
        return
    address = "\0" + name[1:] if name.startswith("@") else name
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(state.encode(), address)
