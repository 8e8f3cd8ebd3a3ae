"""An event loop that receives while it waits.

An ordinary loop wakes for each batch of datagrams, though most of them are media that C takes and sends back by
itself: a turn of Python's loop and a few system calls, a thousand times a second, and each of them has to win Python's
lock. This one waits in C for the socket and for everything else at once, and comes back when there is something for
Python. In all other respects it is asyncio's, on epoll.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["PacketLoop", "run"]

T = TypeVar("T")

Wait = Callable[[int, float], bool]
"""Waits for a descriptor, at most so many seconds (less than 0: for ever); returns whether it is readable."""


class _Selector(selectors.EpollSelector):
    def __init__(self) -> None:
        super().__init__()
        self.wait: Wait | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.wait is None:
            return super().select(timeout)
        return super().select(0) if self.wait(self.fileno(), -1.0 if timeout is None else max(0.0, timeout)) else []


class PacketLoop(asyncio.SelectorEventLoop):
    """A loop that one socket can be read in while it waits."""

    def __init__(self) -> None:
        self._packets = _Selector()
        super().__init__(self._packets)

    @property
    def is_watching(self) -> bool:
        """Whether somebody reads here already."""
        return self._packets.wait is not None

    def watch(self, wait: Wait | None) -> None:
        """Have ``wait`` called instead of waiting; None: no longer. It may call what a callback of the loop may."""
        self._packets.wait = wait


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` as ``asyncio.run`` does, in a :class:`PacketLoop`."""
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=PacketLoop) as runner:
            return runner.run(main)

    class Policy(asyncio.DefaultEventLoopPolicy):  # which later versions of Python no longer want to hear of
        def new_event_loop(self) -> PacketLoop:
            return PacketLoop()

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Policy())
    try:
        return asyncio.run(main)
    finally:
        asyncio.set_event_loop_policy(before)
