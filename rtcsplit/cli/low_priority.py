"""Work that other threads of the machine go before."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

__all__ = ["at_low_priority"]

_STEP = 10  # a tenth of the CPU time where somebody else wants it too
_LOWEST = 19


def at_low_priority(work: Callable[[], object]) -> None:
    """Have a thread of its own do ``work``, and wait for it; what it raises is lost.

    In Linux a priority is a thread's (sched(7)), and nobody without privileges gets back one that he gave away. So the
    calling thread keeps its own, and whoever it starts afterwards has that one too.
    """

    def step_back() -> None:
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + _STEP, _LOWEST))
        with contextlib.suppress(Exception):
            work()

    beside = threading.Thread(target=step_back, name="low-priority", daemon=True)
    beside.start()
    beside.join()
