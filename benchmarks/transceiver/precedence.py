"""Precedence over whatever else the machine does, for a measurement of what the contenders do themselves.

On a machine that others use too, latencies are those of waiting for a CPU. With a real-time priority (``sched(7)``) a
contender has one whenever it wants to run, as it would on a machine of its own. It takes root, or ``CAP_SYS_NICE``, and
whoever else works there waits meanwhile.
"""

from __future__ import annotations

import os

__all__ = ["give_way", "take_precedence"]

_MEASURED, _SECOND = 2, 1


def take_precedence() -> None:
    """Go before everything else from now on, with all processes that are started from here.

    Raises:
        PermissionError: the system does not allow that.
    """
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_MEASURED))


def give_way() -> None:
    """Go after those who are measured, where these have precedence."""
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_SECOND))
