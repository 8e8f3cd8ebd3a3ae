"""Life of an SCTP association, as a table (RFC 9260 section 4, without the half that nobody on the web uses).

::

    NEW --start--> COOKIE_WAIT --INIT ACK--> COOKIE_ECHOED --COOKIE ACK--> ESTABLISHED --> ENDED
     |               |    ^----stale cookie----+   |                         ^
     +---------------+------------ COOKIE ECHO ----+-------------------------+       ENDED is near from everywhere

Both ends send an INIT (RFC 8841 section 9.3), so that a valid COOKIE ECHO leads to ESTABLISHED from any earlier state.
Where both INITs were exchanged in SDP (SNAP), the start leads there at once.
We never send SHUTDOWN: data channels close by stream reset, and the association by ABORT or with its DTLS association.
The peer's SHUTDOWN ends it at once, and is answered as often as it comes, which needs neither a state nor a timer.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["TRANSITIONS", "SctpState", "SctpTrigger"]


class SctpState(Enum):
    """Where an association stands."""

    NEW = auto()  # start() was not called
    COOKIE_WAIT = auto()  # our INIT is out
    COOKIE_ECHOED = auto()  # our COOKIE ECHO is out
    ESTABLISHED = auto()
    ENDED = auto()  # takes and sends nothing


class SctpTrigger(Enum):
    """What moves it on."""

    STARTED = auto()
    NEGOTIATED = auto()  # started, with both INITs known from SDP
    INIT_ACKED = auto()
    COOKIE_STALE = auto()  # the peer found its cookie too old
    COOKIE_ACKED = auto()
    COOKIE_ECHOED = auto()  # the peer returned a cookie of ours
    ENDED = auto()  # by either side, or by silence


TRANSITIONS: dict[tuple[SctpState, SctpTrigger], SctpState] = {  # what is not here changes nothing
    (SctpState.NEW, SctpTrigger.STARTED): SctpState.COOKIE_WAIT,
    (SctpState.NEW, SctpTrigger.NEGOTIATED): SctpState.ESTABLISHED,
    (SctpState.NEW, SctpTrigger.COOKIE_ECHOED): SctpState.ESTABLISHED,
    (SctpState.COOKIE_WAIT, SctpTrigger.INIT_ACKED): SctpState.COOKIE_ECHOED,
    (SctpState.COOKIE_WAIT, SctpTrigger.COOKIE_ECHOED): SctpState.ESTABLISHED,
    (SctpState.COOKIE_ECHOED, SctpTrigger.COOKIE_STALE): SctpState.COOKIE_WAIT,
    (SctpState.COOKIE_ECHOED, SctpTrigger.COOKIE_ACKED): SctpState.ESTABLISHED,
    (SctpState.COOKIE_ECHOED, SctpTrigger.COOKIE_ECHOED): SctpState.ESTABLISHED,
    **{(state, SctpTrigger.ENDED): SctpState.ENDED for state in SctpState if state is not SctpState.ENDED},
}
