"""One thread that encodes for all calls, beside the event loop.

libopus runs without Python's lock, so on two cores packets and codec work do not wait for each other. The frames that
one turn of the event loop submits go over as one batch. A frame that is due before its batch has gone over is encoded
where it is; one that is under way is waited for, which takes no longer than encoding it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from ..media.encoding import EncodeJob

__all__ = ["CodecThread"]

_LOGGER = logging.getLogger(__name__)


class _Batch:
    __slots__ = ("is_done", "jobs")

    def __init__(self) -> None:
        self.jobs: list[EncodeJob] = []
        self.is_done = threading.Event()


class CodecThread:
    """Belongs to one event loop; the thread starts with the first frame."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._batch: _Batch | None = None  # not handed over yet
        self._thread: threading.Thread | None = None

    def submit(self, job: EncodeJob) -> Callable[[], None]:
        """Have a frame encoded; call what is returned when it is needed."""
        batch = self._batch
        if batch is None:
            batch = self._batch = _Batch()
            asyncio.get_running_loop().call_soon(self._hand_over)
        batch.jobs.append(job)
        return lambda: self._finish(job, batch)

    def close(self) -> None:
        """Stop the thread once it has done what it has. Idempotent."""
        self._hand_over()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _finish(self, job: EncodeJob, batch: _Batch) -> None:
        if job.payload is not None:
            return
        if batch is self._batch:
            batch.jobs.remove(job)
            job.run()
        else:
            batch.is_done.wait()

    def _hand_over(self) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="rtcsplit codec", daemon=True)
            self._thread.start()
        self._queue.put(batch)

    def _work(self) -> None:
        while (batch := self._queue.get()) is not None:
            for job in batch.jobs:
                try:
                    job.run()
                except Exception:
                    _LOGGER.exception("encoding_failed")  # whoever needs the frame finds that there is none
            batch.is_done.set()
