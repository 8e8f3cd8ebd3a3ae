"""How late an event loop is: the time by which it oversleeps."""

from __future__ import annotations

import asyncio

from ..relay.timings import Timings

__all__ = ["LoopLag"]

_INTERVAL_SECONDS = 0.25


class LoopLag:
    """Measures the running loop.

    Attributes:
        timings: by how much each of its sleeps was too long.
    """

    def __init__(self) -> None:
        self.timings = Timings()

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _INTERVAL_SECONDS
            await asyncio.sleep(_INTERVAL_SECONDS)
            self.timings.add(max(0.0, loop.time() - due))
