"""One thread that encodes for all calls, beside the event loop.

It takes a few frames at a time into C and comes back with their payloads, so that it hardly ever needs Python's lock,
and on two cores packets and codec work do not wait for each other. It is woken when a turn of the event loop is over:
what the turn has to send leaves first, and the lock changes hands once and not for each frame. A frame that is due and
has not been begun is encoded where it is needed; one that is under way is waited for.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

from .._native.encode_batch import EncodeSlot
from ..media.encoding import EncodeJob
from ..media.opus import encode_frames

__all__ = ["CodecThread"]

_AT_ONCE = 8  # frames that whoever needs one of them may have to wait for: less than a millisecond


class CodecThread:
    """Starts with the first frame; all methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self._jobs: deque[EncodeJob] = deque()
        self._working = threading.Lock()  # held from taking a frame out of the queue until it is encoded
        self._wakeups: SimpleQueue[None] = SimpleQueue()
        self._is_idle = False  # the thread has found no job, and sleeps until it is woken
        self._is_waking = False  # it will be, when this turn of the event loop is over
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def submit(self, job: EncodeJob) -> Callable[[], None]:
        """Have a frame encoded; call what is returned when it is needed."""
        if job.payload is not None:
            return _nothing
        if self._thread is None:
            self._is_closed = False
            self._thread = threading.Thread(target=self._work, name="rtcsplit codec", daemon=True)
            self._thread.start()
        self._jobs.append(job)
        if not self._is_waking:
            self._is_waking = True
            asyncio.get_running_loop().call_soon(self._wake)
        return lambda: self._finish(job)

    def close(self) -> None:
        """Stop the thread; what it has not begun is encoded when it is needed. Idempotent."""
        if self._thread is not None:
            self._is_closed = True
            self._wakeups.put(None)
            self._thread.join()
            self._thread = None

    def _wake(self) -> None:
        self._is_waking = False
        if self._is_idle:
            self._is_idle = False
            self._wakeups.put(None)

    def _finish(self, job: EncodeJob) -> None:
        if job.payload is not None:
            return
        try:
            self._jobs.remove(job)
        except ValueError:
            with self._working:  # it was taken: once this is ours it is encoded
                return
        job.run()

    def _work(self) -> None:
        while not self._is_closed:
            self._is_idle = True  # before looking, so that a job which comes now wakes us
            if not self._jobs:
                self._wakeups.get()
            self._is_idle = False
            with self._working:
                self._encode_some()

    def _encode_some(self) -> None:
        jobs: list[EncodeJob] = []
        slots: list[EncodeSlot] = []
        while len(jobs) < _AT_ONCE:
            try:
                job = self._jobs.popleft()
            except IndexError:  # the rest was encoded by whoever needed it
                break
            if job.slot is not None:
                jobs.append(job)
                slots.append(job.slot)
        encode_frames(slots)
        for job in jobs:
            job.collect()


def _nothing() -> None:
    """There is nothing to wait for."""
