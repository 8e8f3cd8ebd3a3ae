"""One worker that serves calls, as the process that started it sees it.

Messages are packets on a socket between the two; the first word says what one is:

=============  ==============================  ===================================================================
from           message                         says
=============  ==============================  ===================================================================
worker         serving ADDRESS                 everything runs; where its UDP socket is
worker         load N                          how many calls it has
worker         metrics TEXT                    its metrics as text
front          request HEAD, one descriptor    a connection, and what has been read of it
front          metrics                         asks for metrics
front          reload                          read the configuration again
front          drain                           end with the last call, or at the deadline
front          undo                            go on as if there had been no drain
front          stop                            end the calls and end
=============  ==============================  ===================================================================
"""

from __future__ import annotations

import asyncio
import socket

from .child import Child

__all__ = ["DRAIN", "LOAD", "METRICS", "RELOAD", "REQUEST", "SERVING", "UNDO", "WorkerChild"]

SERVING, LOAD, METRICS = b"serving", b"load", b"metrics"
REQUEST, RELOAD, DRAIN, UNDO = b"request", b"reload", b"drain", b"undo"

_METRICS_SECONDS = 2.0


class WorkerChild(Child):
    """A worker that was started.

    Attributes:
        listen: address of its UDP socket once it serves, empty before.
        index: which one, once known.
    """

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        super().__init__(process, control)
        self.listen = ""
        self.index = 0
        self._calls = 0
        self._sent = 0
        self._unseen = 0
        self._serving: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._metrics: asyncio.Future[str] | None = None

    @property
    def load(self) -> int:
        """How many calls it has, and how many it may have got since it said so."""
        return self._calls + self._unseen + self._sent

    @property
    def is_serving(self) -> bool:
        """Whether it takes requests."""
        return bool(self.listen) and self.status is None

    async def until_serving(self) -> bool:
        """Return whether it serves; if not, it has ended."""
        return await self._serving

    def hand_over(self, head: bytes, connection: socket.socket, *, is_new: bool) -> bool:
        """Give it a connection of which ``head`` has been read; False if it does not take any more.

        Args:
            head: as it came.
            connection: stays the caller's.
            is_new: the request names no worker, so it may be for a new call.
        """
        self._sent += is_new
        return self.tell(REQUEST + b" " + head, [connection.fileno()])

    async def metrics(self) -> str:
        """Return its metrics as text, empty if it does not answer."""
        if self._metrics is None:
            self._metrics = asyncio.get_running_loop().create_future()
            self.tell(METRICS)
        try:
            return await asyncio.wait_for(asyncio.shield(self._metrics), _METRICS_SECONDS)
        except asyncio.TimeoutError:
            return ""

    def received(self, message: bytes, descriptors: list[int]) -> None:
        """Take what it says."""
        word, _, text = message.partition(b" ")
        if word == SERVING and not self._serving.done():
            self.listen = text.decode()
            self._serving.set_result(True)
        elif word == LOAD:
            calls = int(text)
            # The report may have been on its way when they were sent: it has then so many calls less than expected.
            self._unseen = min(self._sent, max(0, self._calls + self._sent - calls))
            self._calls, self._sent = calls, 0
        elif word == METRICS and self._metrics is not None:
            answer, self._metrics = self._metrics, None
            if not answer.done():
                answer.set_result(text.decode())

    def ended(self) -> None:
        """Give up what is waited for."""
        if not self._serving.done():
            self._serving.set_result(False)
        if self._metrics is not None and not self._metrics.done():
            self._metrics.set_result("")
