"""How late an event loop is: the time by which it oversleeps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from ..media.histogram import Histogram

__all__ = ["LoopLag"]

_INTERVAL_SECONDS = 0.25


class LoopLag:
    """Measures the running loop.

    Args:
        role: of the process, the label of its metric.

    Attributes:
        timings: by how much each of its sleeps was too long.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self.timings = Histogram()

    @contextlib.asynccontextmanager
    async def measured(self) -> AsyncIterator[None]:
        """Measure within the block."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _INTERVAL_SECONDS
            await asyncio.sleep(_INTERVAL_SECONDS)
            self.timings.add(max(0.0, loop.time() - due))
