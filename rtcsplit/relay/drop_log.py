"""What was dropped, for people who read logs: one line per reason and period, however many datagrams there were.

The counters are looked at every ten seconds, so a flood costs the log no more than a drop does. Nothing is said about
whoever sent a datagram: the source of what is dropped is not to be believed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from .counters import RelayCounters

__all__ = ["DropLog"]

_log = logging.getLogger(__name__)


class DropLog:
    """Logs by how much a relay's drops have grown.

    Args:
        read: returns its counters.
        interval: seconds between two looks.
    """

    def __init__(self, read: Callable[[], RelayCounters], interval: float = 10.0) -> None:
        self._read = read
        self._interval = interval
        self._told = self._drops()

    async def run(self) -> None:
        """Log until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            self.tell()

    def tell(self) -> None:
        """Log what has come since the last time."""
        drops = self._drops()
        for reason, count in (drops - self._told).items():
            _log.warning("datagrams_dropped", extra={"reason": reason, "datagrams": count, "seconds": self._interval})
        self._told = drops

    def _drops(self) -> Counter[str]:
        counters = self._read()
        drops = Counter({reason.label: count for reason, count in counters.drops.items()})
        drops["socket_overflow"] = counters.socket_overflow
        return drops
