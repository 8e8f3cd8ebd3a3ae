"""One forwarding process, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import os
import socket

from .child import Child
from .forwarding import PREPARED, SERVING

__all__ = ["ForwarderChild"]

_PREPARE_SECONDS = 60.0


class ForwarderChild(Child):
    """A forwarding process that was started.

    Attributes:
        region: descriptor of the memory of its flow tables, once it is prepared.
    """

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        super().__init__(process, control)
        self.region: int | None = None
        loop = asyncio.get_running_loop()
        self._prepared: asyncio.Future[bool] = loop.create_future()
        self._serving: asyncio.Future[bool] = loop.create_future()

    async def until_prepared(self) -> bool:
        """Return whether it has everything it needs and waits for its turn; if not, it ended or takes too long."""
        done, _ = await asyncio.wait([self._prepared], timeout=_PREPARE_SECONDS)
        return bool(done) and self._prepared.result()

    async def until_serving(self) -> bool:
        """Return whether it is in charge; if not, it has ended."""
        return await self._serving

    def take_region(self) -> int | None:
        """Return the descriptor of its memory, which is the caller's from now on."""
        region, self.region = self.region, None
        return region

    def received(self, message: bytes, descriptors: list[int]) -> None:
        """Take note of how far it is."""
        if message == PREPARED and not self._prepared.done():
            self.region = descriptors.pop() if descriptors else None
            self._prepared.set_result(True)
        elif message == SERVING and not self._serving.done():
            self._serving.set_result(True)

    def ended(self) -> None:
        """Give up what it would have been."""
        if (region := self.take_region()) is not None:
            os.close(region)
        for answer in (self._prepared, self._serving):
            if not answer.done():
                answer.set_result(False)
