"""Tasks that run beside the relay's workers until they are told to end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

__all__ = ["Background"]

_log = logging.getLogger(__name__)

_AGAIN_SECONDS = 0.1


class Background:
    """Tasks that belong together."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_running(self) -> bool:
        """From the first :meth:`start` to :meth:`end`."""
        return bool(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` until :meth:`end`."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_log_failure)
        self._tasks.append(task)

    async def end(self) -> None:
        """Cancel all tasks and return when they have ended; again does nothing.

        Cancels as often as needed: ``asyncio.wait_for``, which libraries use, loses a cancellation that comes together
        with its result (until Python 3.12).

        Raises:
            Exception: what ended a task before it was cancelled.
        """
        pending = set(self._tasks)
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            if not task.cancelled():
                task.result()


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("task_failed", exc_info=error)
