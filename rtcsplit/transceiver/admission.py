"""Whether a transceiver takes another call: its caps, and the drain that takes it out of service.

A session is *half-open* until it has keys. Whoever may send offers can make sessions that never come to be, each with
memory and a deadline of 30 s; their number has a cap of its own, so that they cannot take the room of those that do.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from enum import Enum

from ..errors import OverloadError

__all__ = ["Admission", "DrainOutcome", "OfferRefusal"]


class OfferRefusal(Enum):
    """Why an offer was not looked at; the label of ``rtcsplit_offers_refused_total``."""

    FULL = "full"  # as many sessions as there may be
    HALF_OPEN = "half_open"  # as many without keys as there may be
    DRAINING = "draining"  # taken out of service


class DrainOutcome(Enum):
    """How waiting for a drain ended."""

    EMPTY = "empty"  # the last call has ended
    DEADLINE = "deadline"  # calls are left
    UNDONE = "undone"  # back in service


_MESSAGES = {
    OfferRefusal.FULL: "this transceiver has as many sessions as it may have",
    OfferRefusal.HALF_OPEN: "too many sessions are still being set up",
    OfferRefusal.DRAINING: "this transceiver takes no more calls",
}


class Admission:
    """The door of one transceiver.

    Attributes:
        max_sessions: living sessions, half-open ones included.
        max_half_open: sessions without keys.
        refused: how many offers were refused, by reason.
    """

    def __init__(self, max_sessions: int, max_half_open: int) -> None:
        self.max_sessions = max_sessions
        self.max_half_open = max_half_open
        self._drained: asyncio.Future[DrainOutcome] | None = None
        self.refused: Counter[OfferRefusal] = Counter()

    @property
    def is_draining(self) -> bool:
        """Whether every offer is refused."""
        return self._drained is not None

    def admit(self, sessions: int, half_open: int) -> None:
        """Let one more call in, beside those that there are.

        Raises:
            OverloadError: there is no room, or a drain; it is counted.
        """
        if self.is_draining:
            self._refuse(OfferRefusal.DRAINING)
        if sessions >= self.max_sessions:
            self._refuse(OfferRefusal.FULL)
        if half_open >= self.max_half_open:
            self._refuse(OfferRefusal.HALF_OPEN)

    async def drain(self, sessions: int, deadline: float) -> DrainOutcome:
        """Refuse offers from now on, and wait.

        A drain that runs already is joined, each caller with a deadline of its own. Whether this is cancelled or over:
        only :meth:`undo` lets offers in again.

        Args:
            sessions: how many there are now; :meth:`left` tells of the others.
            deadline: seconds to wait.
        """
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
            self.left(sessions)
        drained = self._drained
        await asyncio.wait([drained], timeout=deadline)
        return drained.result() if drained.done() else DrainOutcome.DEADLINE

    def undo(self) -> None:
        """Take offers again; idempotent."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(DrainOutcome.UNDONE)

    def left(self, sessions: int) -> None:
        """Take note of how many sessions there are: the last one ends a drain."""
        if not sessions and self._drained is not None and not self._drained.done():
            self._drained.set_result(DrainOutcome.EMPTY)

    def _refuse(self, reason: OfferRefusal) -> None:
        self.refused[reason] += 1
        raise OverloadError(_MESSAGES[reason])
