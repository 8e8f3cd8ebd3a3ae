"""How long datagrams may gather in the socket before the next batch is taken.

A batch of one datagram costs several times what a datagram costs in a batch of thirty: the wake-up, the system
calls, the event loop. So the busier the transceiver is, the longer it lets them gather, up to a limit that is reached
at a quarter of full load: beyond, batches fill by themselves. One that idles takes each at once. A measured trade:
docs/explanation/transceiver.md.
"""

from __future__ import annotations

__all__ = ["Gathering"]

_MEMORY = 0.05  # seconds over which the load is judged
_SHORTEST = 0.0002  # less than this is not worth a timer
_BUSY = 0.25  # share of the time, from which on the longest pause is made


class Gathering:
    """Judges the load from when batches were handled, and says when to take the next one.

    Args:
        longest: seconds to wait when there is much work; 0 never waits.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._busy = 0.0  # share of the time that was spent on batches
        self._started = float("-inf")
        self._worked = 0.0

    def handled(self, started: float, ended: float) -> None:
        """Take note that datagrams were handled from ``started`` to ``ended``."""
        interval = max(started - self._started, 1e-6)
        weight = min(1.0, interval / _MEMORY)
        self._busy += weight * (min(1.0, self._worked / interval) - self._busy)
        self._started, self._worked = started, ended - started

    @property
    def pause(self) -> float:
        """Seconds to leave the socket alone from now; 0 where the next datagram is to be taken at once."""
        pause = self._longest * min(1.0, self._busy / _BUSY)
        return pause if pause >= _SHORTEST else 0.0
