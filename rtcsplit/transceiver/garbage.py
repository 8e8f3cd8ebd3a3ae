"""Python's garbage collector beside running calls.

A full collection looks at every object of the process, and all calls wait for it: 83 ms with 500 of them and the
modules of a benchmark, 22 ms with the calls alone. Python begins one whenever the objects that came lately and stayed
are a quarter of all, so again and again while calls come. It finds nothing: what a call owned is freed without it.
"""

from __future__ import annotations

import gc

__all__ = ["collect_rarely"]

_FULL_AFTER = 100  # collections of the middle generation, each after 7,000 objects that stayed; Python's default is 10


def collect_rarely() -> None:
    """Leave what exists now out of garbage collections, and have full ones ten times as rarely.

    For a process that serves calls, once it has loaded everything and is ready to; ``rtcsplit transceiver`` and
    ``rtcsplit gateway`` do so. It is about the whole process, so no other part of the library does it by itself. What
    an application leaves behind in cycles stays the longer.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _FULL_AFTER)
