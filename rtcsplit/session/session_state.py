"""Life of a session, as a table; the diagram of ``docs/explanation/session.md`` is checked against it.

What is not in :data:`TRANSITIONS` changes nothing.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["TRANSITIONS", "SessionState", "Trigger"]


class SessionState(Enum):
    """Where a session stands."""

    CHECKING = auto()  # waits for the first authenticated check
    HANDSHAKING = auto()  # a path exists, DTLS runs
    CONNECTED = auto()  # keys exist, media flows
    CLOSED = auto()  # takes and sends nothing


class Trigger(Enum):
    """What moves a session from state to state."""

    PATH_FOUND = auto()  # ICE has an address to send to
    KEYS_EXPORTED = auto()  # DTLS completed and the peer's certificate matched
    ENDED = auto()  # closed by either side, expired or failed


TRANSITIONS = {
    (SessionState.CHECKING, Trigger.PATH_FOUND): SessionState.HANDSHAKING,
    (SessionState.HANDSHAKING, Trigger.KEYS_EXPORTED): SessionState.CONNECTED,
    (SessionState.CHECKING, Trigger.ENDED): SessionState.CLOSED,
    (SessionState.HANDSHAKING, Trigger.ENDED): SessionState.CLOSED,
    (SessionState.CONNECTED, Trigger.ENDED): SessionState.CLOSED,
}
