"""Everything that a transceiver counts, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..drops import DropReason
from ..session.events import EndCause
from .admission import OfferRefusal
from .setup_times import SetupTimes

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
    packets_rescued: int = 0
    setup: SetupTimes = field(default_factory=SetupTimes)
