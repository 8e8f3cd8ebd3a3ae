"""The states of an ICE-lite agent towards one peer, as a table (RFC 8445 sections 7.3, 12).

What is not in :data:`TRANSITIONS` is illegal and changes nothing. The diagram in ``docs/explanation/ice.md`` is
compared with this table by a test. Timing (hold, silence) is :mod:`rtcsplit.session.ice_path`'s.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["TRANSITIONS", "Move", "State", "Trigger"]


class State(Enum):
    """How far we know where the peer is."""

    WAITING = "waiting"  # credentials are out; no authenticated check yet, so nothing may be sent
    PROVISIONAL = "provisional"  # the handshake runs on the newest authenticated tuple (early start)
    SELECTED = "selected"  # the handshake ended; the path moves by nomination or after silence only
    CLOSED = "closed"  # no authenticated check for too long, or close() was called


class Trigger(Enum):
    """What can happen. A check here is authenticated and fresh: its transaction id was never seen before."""

    CHECKED = "check"  # a binding request without USE-CANDIDATE
    NOMINATED = "nomination"  # a binding request with USE-CANDIDATE
    HANDSHAKE_ENDED = "handshake ended"  # the DTLS handshake is complete
    EXPIRED = "no check for 30 s"  # RFC 7675 section 5.1, or no first check at all
    ENDED = "close"  # close(): deleted by signalling, or an authenticated close_notify


class Move(Enum):
    """What a check from another tuple than the present one does to the path."""

    NEVER = "stays"
    AT_ONCE = "moves at once"
    UNLESS_HELD = "moves unless held"  # not within 500 ms of another move
    WHEN_SILENT = "moves when silent"  # once the selected tuple has gone silent


TRANSITIONS: dict[tuple[State, Trigger], tuple[State, Move]] = {
    # Early start is a deviation from RFC 8445 section 12.1, see docs/explanation/deviations.md.
    (State.WAITING, Trigger.CHECKED): (State.PROVISIONAL, Move.AT_ONCE),
    (State.WAITING, Trigger.NOMINATED): (State.PROVISIONAL, Move.AT_ONCE),
    (State.WAITING, Trigger.EXPIRED): (State.CLOSED, Move.NEVER),
    (State.WAITING, Trigger.ENDED): (State.CLOSED, Move.NEVER),
    (State.PROVISIONAL, Trigger.CHECKED): (State.PROVISIONAL, Move.AT_ONCE),
    (State.PROVISIONAL, Trigger.NOMINATED): (State.PROVISIONAL, Move.AT_ONCE),
    (State.PROVISIONAL, Trigger.HANDSHAKE_ENDED): (State.SELECTED, Move.NEVER),
    (State.PROVISIONAL, Trigger.EXPIRED): (State.CLOSED, Move.NEVER),
    (State.PROVISIONAL, Trigger.ENDED): (State.CLOSED, Move.NEVER),
    (State.SELECTED, Trigger.CHECKED): (State.SELECTED, Move.WHEN_SILENT),
    (State.SELECTED, Trigger.NOMINATED): (State.SELECTED, Move.UNLESS_HELD),
    (State.SELECTED, Trigger.EXPIRED): (State.CLOSED, Move.NEVER),
    (State.SELECTED, Trigger.ENDED): (State.CLOSED, Move.NEVER),
}
