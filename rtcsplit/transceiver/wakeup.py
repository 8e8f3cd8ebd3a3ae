"""The one timer of a transceiver in the event loop: when the earliest of its calls wants to be woken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["Wakeup"]

_MIN_DELAY = 0.001  # bounds what a timer in the past can cost


class Wakeup:
    """Calls ``wake`` in the running event loop, once for each time that it was armed and not armed anew.

    A wake-up that comes too early finds nothing due, and arms again: so a time that moves away changes nothing here.

    Args:
        wake: what is due.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._handle: asyncio.TimerHandle | None = None
        self._at = 0.0

    def arm(self, when: float | None) -> None:
        """Wake at ``when``, monotonic seconds, unless that comes earlier anyway; None: there is nothing to wait for."""
        if when is None or (self._handle is not None and self._at <= when):
            return
        self.cancel()
        delay = max(_MIN_DELAY, when - time.monotonic())
        self._handle = asyncio.get_running_loop().call_later(delay, self._ring)
        self._at = when

    def cancel(self) -> None:
        """Wake no more. Idempotent."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        self._handle = None
        self._wake()
