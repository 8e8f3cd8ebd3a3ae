"""What the events of calls ask for: addresses and keys in the table, media to RTP sessions, news to the application."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable

from ..drops import DropReason
from ..session.events import (
    AddressAuthenticated,
    ChannelEvent,
    ChannelOpened,
    EndCause,
    HeldPacketDropped,
    IceRestarted,
    PathChanged,
    RtcpReceived,
    RtpReceived,
    SessionConnected,
    SessionEnded,
    SessionEvent,
    UfragRetired,
)
from ..wire.address import Address
from ..wire.rtp import RtpPacket
from .application import Application, ChannelApplication
from .call import Call
from .call_registry import CallRegistry
from .drop_counter import DropCounter
from .setup_times import SetupTimes

__all__ = ["CallFollower"]

_LOGGER = logging.getLogger(__name__)


class CallFollower:
    """Follows all calls of one switchboard, and stands between them and the application.

    Args:
        application: gets the calls' audio; a fault of its own ends the call that it was about and no other.
        registry: where the calls live.
        drops: counts packets that are of no use.

    Attributes:
        ended: how many calls ended, by cause.
        path_changes: how often a call's path was set or moved, by cause.
        ice_restarts: how often a call's path became that of an ICE restart.
        flow_conflicts: how often a call could not have a client address because another living call has it.
        setup: how long calls took to be set up.
    """

    def __init__(self, application: Application, registry: CallRegistry, drops: DropCounter) -> None:
        self._application = application
        self._channel_event = application.channel_event if isinstance(application, ChannelApplication) else None
        self._packet_received = application.packet_received
        self._registry = registry
        self._drop = drops.drop
        self.ended: Counter[EndCause] = Counter()
        self.path_changes: Counter[str] = Counter()
        self.ice_restarts = 0
        self.flow_conflicts = 0
        self.setup = SetupTimes()

    def follow(self, call: Call, now: float) -> bool:
        """Do what the events of ``call`` ask for; False where there were none."""
        has_events = False
        while (event := call.session.next_event()) is not None:
            self._dispatch(call, event, now)
            has_events = True
        return has_events

    def checked(self, call: Call, client: Address, now: float) -> None:
        """``call`` had an authenticated check from ``client``: where it waits for that address, ask for it again."""
        if self._registry.table.awaits(client, call):
            self._bind(client, call, now)

    def take_rtp(self, call: Call, packet: RtpPacket | bytes, arrived_at: float, now: float) -> None:
        """Account for an authentic RTP packet, and give it to the application."""
        if call.log is not None:
            call.log.media(arrived_at)
        if call.setup.awaits_media:
            self.setup.heard(call.setup, arrived_at)
        parsed = call.take_rtp(packet, arrived_at)
        if isinstance(parsed, DropReason):
            self._drop(parsed, call)
            return
        call.send_back(parsed, now)
        if call.delivers:
            self.deliver(call, parsed, now)

    def deliver(self, call: Call, packet: RtpPacket, now: float) -> None:
        """Give the application a packet that is accounted for."""
        try:
            self._packet_received(call, packet)
        except Exception:
            self._application_failed(call, now)

    def take_rtcp(self, call: Call, packet: bytes, arrived_at: float) -> None:
        """Account for an authentic RTCP packet."""
        reason = call.take_rtcp(packet, arrived_at)
        if reason is not None:
            self._drop(reason, call)

    def failed(self, call: Call, now: float) -> None:
        """Log the exception that is being handled, which is a fault of ours, and end the call as well as that goes."""
        _LOGGER.exception("internal_error", extra={"session": call.ufrag[:6]})
        with contextlib.suppress(Exception):
            call.session.close(now, cause=EndCause.INTERNAL_ERROR)
            self.follow(call, now)
        if call in self._registry:  # what is broken could not be closed either
            self._end(call, now, SessionEnded(EndCause.INTERNAL_ERROR))

    def _dispatch(self, call: Call, event: SessionEvent, now: float) -> None:
        if call.log is not None:
            call.log.follow(event, now)
        match event:
            case RtpReceived(packet, arrived_at):
                self.take_rtp(call, packet, arrived_at, now)
            case RtcpReceived(packet, arrived_at):
                self.take_rtcp(call, packet, arrived_at)
            case AddressAuthenticated(client, replaces):
                self.setup.checked(call.setup, now)
                if replaces is not None:
                    self._registry.table.forget(replaces, call)
                self._bind(client, call, now)
            case PathChanged(path, cause):
                self.path_changes[cause.value] += 1
                call.path_changes += 1
                self._bind(path.client, call, now)
            case IceRestarted(ufrag):
                call.ufrag = ufrag
                self.ice_restarts += 1
            case UfragRetired(ufrag):
                self._registry.table.retire(ufrag)
            case HeldPacketDropped(reason):
                self._drop(reason, call)
            case SessionConnected():
                self.setup.connected(call.setup, now)
                call.begin_media(now)
                self._registry.connected(call)
                self._guard(call, now, self._application.call_connected, call)
            case SessionEnded():
                self._end(call, now, event)
            case _:
                self._tell_of_channel(call, event, now)

    def _tell_of_channel(self, call: Call, event: ChannelEvent, now: float) -> None:
        if isinstance(event, ChannelOpened):
            self.setup.opened(call.setup, now)
        if self._channel_event is not None:
            self._guard(call, now, self._channel_event, call, event)

    def _bind(self, client: Address, call: Call, now: float) -> None:
        table = self._registry.table
        is_known_conflict = table.awaits(client, call)
        if not table.bind(client, call, now) and not is_known_conflict:
            self.flow_conflicts += 1
            if call.log is not None:
                call.log.address_conflict(client, now)

    def _end(self, call: Call, now: float, event: SessionEnded) -> None:
        self._registry.remove(call)
        self.ended[event.cause] += 1
        self.setup.ended(call.setup, event.cause)
        if call.log is not None:
            call.log.ended(event, call.statistics, now)
        facts = {"session": call.ufrag[:6], "cause": event.cause.value, "detail": event.detail}
        _LOGGER.info("session_ended", extra=facts)
        self._guard(call, now, self._application.call_ended, call, event.cause)
        for callback in call.ended():
            self._guard(call, now, callback)

    def _guard(self, call: Call, now: float, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            self._application_failed(call, now)

    def _application_failed(self, call: Call, now: float) -> None:
        """Log the exception that is being handled, and end the call."""
        _LOGGER.exception("application_failed", extra={"session": call.ufrag[:6]})
        if call in self._registry:
            call.give_up(EndCause.APPLICATION_FAILED, now)
