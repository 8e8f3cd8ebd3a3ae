"""DTLS handshakes beside the event loop: one thread takes the steps of all of them, so that a burst of calls costs
those that run no more than its share of the CPU. What a session holds of its own is in :mod:`.handshake_front`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue

from ..session.certificate import Fingerprint
from ..session.dtls import DtlsEndpoint
from ..session.dtls_context import DtlsContext
from ..session.negotiation import DtlsRole
from .handshake_front import HandshakeFront, HandshakeResult, HandshakeTask

__all__ = ["HandshakeThread"]


class HandshakeThread:
    """Takes the handshake steps of all calls of one transceiver.

    One thread and no more: OpenSSL works without Python's lock, but what is between its calls does not.

    Args:
        context: certificate and profiles of all associations.
    """

    def __init__(self, context: DtlsContext) -> None:
        self._context = context
        self._tasks: SimpleQueue[HandshakeTask | None] = SimpleQueue()
        self._results: deque[HandshakeResult] = deque()
        self._is_loop_woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def open(
        self, progressed: Callable[[], None], role: DtlsRole, fingerprints: Sequence[Fingerprint]
    ) -> HandshakeFront:
        """Return a new association.

        Args:
            progressed: called in the loop whenever it has something new to say.
            role: CLIENT sends the ClientHello.
            fingerprints: any one of them must match the peer's certificate.
        """
        return HandshakeFront(partial(DtlsEndpoint, self._context, role, fingerprints), self._tasks.put, progressed)

    def start(self) -> None:
        """Begin; results come in the running event loop."""
        self._loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._work, name="rtcsplit handshakes", daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """End the thread, once the step at hand is taken; close the associations first. Idempotent."""
        if self._thread is not None:
            self._tasks.put(None)
            self._thread.join()
            self._thread = None
            self._results.clear()

    def _work(self) -> None:
        while self._take_next():
            pass

    def _take_next(self) -> bool:
        """Wait for a task and take it; in a frame of its own, which keeps nothing of it during the next wait."""
        task = self._tasks.get()
        if task is None:
            return False
        result = task.front.run(task)
        if result is not None:
            self._results.append(result)
            if not self._is_loop_woken:
                self._is_loop_woken = True
                self._wake_loop()
        return True

    def _wake_loop(self) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for this
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_loop_woken = False  # before looking, so that a result which comes now wakes us
        fronts: dict[HandshakeFront, None] = {}
        while self._results:
            result = self._results.popleft()
            result.task.front.take(result)
            fronts[result.task.front] = None
        for front in fronts:
            front.progressed()
