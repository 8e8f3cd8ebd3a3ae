"""Which of a peer's tuples we send to: early start, nomination, and moving away from silence.

Pure choice on virtual time: it sees authenticated checks and authenticated media, never a datagram. RFC 8445 section
12.1 with the project's rules on top; ``docs/explanation/ice.md`` tells them with a picture, and
``docs/explanation/deviations.md`` says where they leave the RFC. A tuple is a client address; the relay it came
through (``via``) is no part of the choice, it follows whatever authentic arrived last.
"""

from __future__ import annotations

from typing import NamedTuple

from ..wire.address import Address, Path
from .events import PathCause
from .ice_check import Check
from .ice_state import TRANSITIONS, Move, State, Trigger

__all__ = ["PathSelection"]

# Ours.
_HOLD = 0.5  # after a move, for whoever has no higher priority
_TWO_MOVES = 1.0  # no nomination moves a path for the third time in this time
_SILENCE_IN_MEDIA = 0.6  # longer than the 400 ms gaps of Opus DTX
_MEDIA_IS_RECENT = 2.0
_SILENCE = 7.0  # longer than the 6 s at most between consent checks (RFC 7675 section 5.1)
_CHECK_IS_RECENT = 10.0  # for so long a check waits for silence; a tuple heard of longer ago may be dead itself
_MAX_TUPLES = 16
_NEVER = float("-inf")


class _Waiting(NamedTuple):
    """A tuple whose check came while the selected one was still alive."""

    check: Check
    path: Path
    at: float


class PathSelection:
    """The path of one session, and the tuples that may speak to it.

    Attributes:
        state: where the agent stands.
        path: where to send; None before the first check and after the end.
        forgotten: the tuple that the latest check pushed out of :attr:`clients`, None for none.
        is_authenticated: whether a tuple is among :attr:`clients`; the packet path's lookup, without a frame of ours.
    """

    __slots__ = (
        "_clients",
        "_generation",
        "_heard_at",
        "_media_at",
        "_moved_at",
        "_moved_before",
        "_nomination",
        "_priority",
        "_waiting",
        "forgotten",
        "is_authenticated",
        "path",
        "state",
    )

    def __init__(self) -> None:
        self.state = State.WAITING
        self.path: Path | None = None
        self._priority = 0
        self._nomination = 0
        self._generation = 0
        self._heard_at = _NEVER  # last authentic datagram of the selected tuple
        self._media_at = _NEVER  # last SRTP of any of the peer's tuples
        self._moved_at = self._moved_before = _NEVER  # the last two moves after the handshake
        self._waiting: _Waiting | None = None
        self._clients: dict[Address, None] = {}  # oldest check first
        self.forgotten: Address | None = None
        self.is_authenticated = self._clients.__contains__

    @property
    def clients(self) -> tuple[Address, ...]:
        """Tuples with an authenticated, fresh check, oldest check first; 16 at most."""
        return tuple(self._clients)

    @property
    def generation(self) -> int:
        """Of the check that settled the path last; it never falls."""
        return self._generation

    @property
    def has_waiting(self) -> bool:
        """Whether a tuple waits for the selected one to fall silent, which media makes happen sooner."""
        return self._waiting is not None

    def check(self, check: Check, path: Path, now: float) -> PathCause | None:
        """Take a fresh authenticated check; returns why the path changed, None if it did not.

        After an ICE restart come those of the generation of the path and of the one after it, none of those before.
        """
        is_nomination = check.is_nominating and self._counts(check)
        move = self._apply(Trigger.NOMINATED if is_nomination else Trigger.CHECKED)
        if move is None:
            return None
        self._admit(path.client)
        if self.path is not None and path.client == self.path.client:
            self._settle(check, path, now)
            return None
        if move is Move.AT_ONCE:
            return self._move(check, path, PathCause.NOMINATED if is_nomination else PathCause.PROVISIONAL, now)
        if move is Move.UNLESS_HELD and self._may_move(check, now):
            return self._move(check, path, PathCause.NOMINATED, now)
        self._waiting = _Waiting(check, path, now)
        return self.handle_timer(now)

    def is_silent(self, now: float) -> bool:
        """Whether the selected tuple has been quiet for so long that another may take over."""
        return now >= self._silent_at

    def heard(self, path: Path, now: float) -> None:
        """Take note of an authentic datagram from ``path``: where that is the selected tuple, it lives."""
        if self.path is not None and path.client == self.path.client:
            self.path = path
            self._heard_at = now

    def media(self, path: Path, now: float) -> PathCause | None:
        """As :meth:`heard`, for authenticated SRTP. Media on another tuple shows that the selected one is silent."""
        self._media_at = now
        if path is self.path:
            self._heard_at = now
        else:
            self.heard(path, now)
        return None if self._waiting is None else self.handle_timer(now)

    def handshake_ended(self, now: float) -> None:
        """From now on only nomination and silence move the path; the silence is counted from here."""
        if self._apply(Trigger.HANDSHAKE_ENDED) is not None:
            self._heard_at = now

    def end(self, trigger: Trigger) -> bool:
        """Close for good, by EXPIRED or ENDED; returns False if it was closed already."""
        if self._apply(trigger) is None:
            return False
        self.path = self._waiting = None
        self._clients.clear()
        return True

    def next_timer(self) -> float | None:
        """When a waiting tuple takes over, unless the selected one is heard before."""
        if self._waiting is None or self._silent_at > self._waiting.at + _CHECK_IS_RECENT:
            return None
        return self._silent_at

    def handle_timer(self, now: float) -> PathCause | None:
        """Move to the waiting tuple if the selected one is silent by now; returns the cause if so."""
        waiting = self._waiting
        if waiting is None or now < self._silent_at:
            return None
        if now > waiting.at + _CHECK_IS_RECENT:
            self._waiting = None
            return None
        return self._move(waiting.check, waiting.path, PathCause.REBOUND, now)

    @property
    def _silent_at(self) -> float:
        in_media = self._heard_at + _SILENCE_IN_MEDIA
        return in_media if in_media <= self._media_at + _MEDIA_IS_RECENT else self._heard_at + _SILENCE

    def _counts(self, check: Check) -> bool:
        """Whether a nomination is newer than those before; an ICE restart counts anew."""
        return check.nomination is None or check.nomination > self._nomination or check.generation > self._generation

    def _may_move(self, check: Check, now: float) -> bool:
        if check.generation > self._generation:
            return True  # once per restart, so that nothing can flap
        if now < self._moved_before + _TWO_MOVES:
            return False
        return now >= self._moved_at + _HOLD or check.priority > self._priority

    def _move(self, check: Check, path: Path, cause: PathCause, now: float) -> PathCause:
        if self.state is State.SELECTED:
            self._moved_before, self._moved_at = self._moved_at, now
        self._waiting = None
        self._settle(check, path, now)
        return cause

    def _settle(self, check: Check, path: Path, now: float) -> None:
        self.path = path
        self._heard_at = now
        self._priority = check.priority
        if check.generation > self._generation:
            self._generation = check.generation
            self._nomination = 0
            self._waiting = None
        if check.is_nominating and check.nomination is not None:
            self._nomination = max(self._nomination, check.nomination)

    def _admit(self, client: Address) -> None:
        self._clients.pop(client, None)
        self._clients[client] = self.forgotten = None
        if len(self._clients) > _MAX_TUPLES:
            selected = None if self.path is None else self.path.client
            self.forgotten = next(known for known in self._clients if known != selected)
            del self._clients[self.forgotten]

    def _apply(self, trigger: Trigger) -> Move | None:
        """Take the transition and return its move; None, and nothing taken, where there is none."""
        transition = TRANSITIONS.get((self.state, trigger))
        if transition is None:
            return None
        self.state, move = transition
        return move
