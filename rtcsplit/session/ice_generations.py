"""The credentials that a session answers to while ICE restarts (RFC 8445 section 9, RFC 8839 section 4.4.1.1.1).

A *generation* is what a restart replaces: both sides' credentials and the memory of their checks. The *running* one is
that of the path; the *next* one runs beside it from the restart on, and takes over with the first of its checks that
the path is settled by. The one before is answered for three seconds more, for checks that were under way, and then its
ufrag is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import UsageError
from ..wire import stun
from ..wire.stun import Message
from .ice_check import ufrag_of
from .ice_transactions import TransactionMemory
from .negotiation import IceCredentials

__all__ = ["Generation", "Generations"]

_GRACE = 3.0  # ours; RFC 8445 section 8.3 has a full agent keep unselected candidates for as long


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """Attributes:
    number: 0 for the first, one more for each restart.
    local: our credentials.
    remote: the peer's, None while they are not known.
    transactions: ids of its checks.
    """

    number: int
    local: IceCredentials
    remote: IceCredentials | None
    transactions: TransactionMemory


class Generations:
    """The generations of one session: running, next, and the one before.

    Args:
        local: our first credentials.
        remote: the peer's, None while they are not known.
        random: returns that many random octets.
    """

    def __init__(self, local: IceCredentials, remote: IceCredentials | None, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._newest = 0
        self._running = Generation(0, local, remote, TransactionMemory(random))
        self._next: Generation | None = None
        self._before: Generation | None = None
        self._before_until = 0.0

    @property
    def running(self) -> Generation:
        """The generation of the path."""
        return self._running

    def of(self, datagram: bytes) -> Generation:
        """Return the generation that a check names by its ufrag; the running one where it names none."""
        others = [generation for generation in (self._next, self._before) if generation is not None]
        if others:
            message = stun.parse(datagram)
            ufrag = ufrag_of(message) if isinstance(message, Message) else None
            for generation in others:
                if generation.local.ufrag == ufrag:
                    return generation
        return self._running

    def restart(self, local: IceCredentials, remote: IceCredentials) -> str | None:
        """Begin the next generation; returns the ufrag of one that had begun and never took over.

        Raises:
            UsageError: a ufrag that is still answered for; nothing has changed.
        """
        for generation in (self._running, self._next, self._before):
            if generation is not None and generation.local.ufrag == local.ufrag:
                raise UsageError("an ICE restart takes a new ufrag")
        replaced = self._next
        self._newest += 1
        self._next = Generation(self._newest, local, remote, TransactionMemory(self._random))
        return None if replaced is None else replaced.local.ufrag

    def take_over(self, number: int, now: float) -> tuple[bool, str | None]:
        """The path is settled by a check of generation ``number``.

        Returns:
            Whether that made the next generation the running one, and the ufrag that is nobody's any more, if any.
        """
        if self._next is None or number != self._next.number:
            return False, None
        forgotten = self._before
        self._before, self._running, self._next = self._running, self._next, None
        self._before_until = now + _GRACE
        return True, None if forgotten is None else forgotten.local.ufrag

    def next_timer(self) -> float | None:
        """When :meth:`expire` has something to do."""
        return None if self._before is None else self._before_until

    def expire(self, now: float) -> str | None:
        """Forget the generation before the running one if its time is over; returns its ufrag if so."""
        if self._before is None or now < self._before_until:
            return None
        ufrag, self._before = self._before.local.ufrag, None
        return ufrag
