"""Life of a DTLS association, as a table.

::

    NEW --start--> HANDSHAKING --complete--> ESTABLISHED --close_notify--> CLOSED
                        |                         |
                        +-------> FAILED <--------+           close() leads to CLOSED from all three
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["TRANSITIONS", "DtlsState", "DtlsTrigger"]


class DtlsState(Enum):
    """Where an association stands."""

    NEW = auto()  # nothing may be sent: no authenticated check yet
    HANDSHAKING = auto()
    ESTABLISHED = auto()  # keys were handed out
    CLOSED = auto()  # by close(), or by the peer's close_notify
    FAILED = auto()


class DtlsTrigger(Enum):
    """What moves it on."""

    STARTED = auto()
    COMPLETED = auto()  # both Finished verified, the certificate matched, a profile is common
    FAILED = auto()  # fatal alert of either side, or the deadline
    PEER_CLOSED = auto()  # authenticated close_notify
    CLOSED = auto()  # close()


TRANSITIONS = {  # what is not here changes nothing
    (DtlsState.NEW, DtlsTrigger.STARTED): DtlsState.HANDSHAKING,
    (DtlsState.NEW, DtlsTrigger.CLOSED): DtlsState.CLOSED,
    (DtlsState.HANDSHAKING, DtlsTrigger.COMPLETED): DtlsState.ESTABLISHED,
    (DtlsState.HANDSHAKING, DtlsTrigger.FAILED): DtlsState.FAILED,
    (DtlsState.HANDSHAKING, DtlsTrigger.CLOSED): DtlsState.CLOSED,
    (DtlsState.ESTABLISHED, DtlsTrigger.PEER_CLOSED): DtlsState.CLOSED,
    (DtlsState.ESTABLISHED, DtlsTrigger.FAILED): DtlsState.FAILED,
    (DtlsState.ESTABLISHED, DtlsTrigger.CLOSED): DtlsState.CLOSED,
}
