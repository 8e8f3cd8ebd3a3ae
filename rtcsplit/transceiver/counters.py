"""Everything that a transceiver counts, at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..drops import DropReason
from ..session.events import EndCause
from .admission import Admission, OfferRefusal
from .setup_times import SetupTimes
from .socket import TransceiverSocket
from .switchboard import Switchboard

__all__ = ["TransceiverCounters"]


@dataclass(frozen=True, slots=True)
class TransceiverCounters:
    """A snapshot; every counter since the start of the transceiver.

    Attributes:
        sessions: living sessions by state, a gauge.
        is_draining: offers are refused because of a drain.
        offers_refused: offers that were not looked at, by reason.
        datagrams_received, datagrams_sent: through the one socket.
        drops: datagrams that went nowhere, by reason.
        ended: sessions that ended, by cause.
        path_changes: how often a session's path was set or moved, by cause.
        ice_restarts: how often a session's path became that of an ICE restart.
        flow_conflicts: how often a session could not have a client address because another living one has it.
        socket_overflow: datagrams that the kernel dropped because the receive buffer was full, of the socket as it is.
        packets_rescued: RTP packets that counted although their address had not checked.
        setup: how long sessions took to be set up, and how handshakes ended; goes on counting.
    """

    sessions: Mapping[str, int]
    is_draining: bool
    offers_refused: Mapping[OfferRefusal, int]
    datagrams_received: int
    datagrams_sent: int
    drops: Mapping[DropReason, int]
    ended: Mapping[EndCause, int]
    path_changes: Mapping[str, int]
    ice_restarts: int
    flow_conflicts: int
    socket_overflow: int = 0
    packets_rescued: int = 0
    setup: SetupTimes = field(default_factory=SetupTimes)

    @classmethod
    def of(cls, board: Switchboard, admission: Admission, socket: TransceiverSocket | None) -> TransceiverCounters:
        """Return what these have counted so far; a socket counts from its binding to its end."""
        batch = None if socket is None else socket.batch
        return cls(
            sessions=dict(Counter(call.session.state.name.lower() for call in board.calls())),
            datagrams_received=batch.received if batch else 0,
            datagrams_sent=batch.sent if batch else 0,
            is_draining=admission.is_draining,
            offers_refused=dict(admission.refused),
            drops=board.drops + (batch.drops if batch else Counter()),
            ended=dict(board.ended),
            path_changes=dict(board.path_changes),
            ice_restarts=board.ice_restarts,
            flow_conflicts=board.flow_conflicts,
            socket_overflow=0 if socket is None else socket.overflow,
            packets_rescued=board.packets_rescued,
            setup=board.setup,
        )
