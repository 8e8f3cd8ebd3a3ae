"""All calls of a transceiver, without I/O: batches of datagrams and ``now`` in, batches of datagrams out.

A batch climbs once (find the call, let it take the datagram, follow its events), and what it caused is collected
once, at the end. Every datagram is taken or counted, in :meth:`Switchboard._drop` and nowhere else.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable

from .._native.session_table import NativeSessionTable
from ..drops import DropReason
from ..session.events import (
    AddressAuthenticated,
    ChannelEvent,
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
from ..session.negotiation import IceCredentials
from ..session.outbox import Outgoing
from ..session.stun_refusals import StunRefusals
from ..wire import stun
from ..wire.address import Address, Path
from ..wire.packet import Kind
from ..wire.rtp import RtpPacket
from .application import Application, ChannelApplication
from .call import Call
from .facts import OpenedPacket, Received, ReceivedDatagram, RefusedPacket
from .session_table import SessionTable
from .timers import TimerQueue

__all__ = ["Switchboard"]

_LOGGER = logging.getLogger(__name__)


def _has_left(call: Call, client: Address, now: float) -> bool:
    return call.session.is_silent_at(client, now)


class Switchboard:
    """The calls of one transceiver.

    Args:
        application: gets the calls' audio.
        refusals: answers to binding requests that belong to no call.
        wake: called when an application made a call do something, outside of what happens here: :meth:`outgoing` has
            to be asked soon.

    Attributes:
        drops: how many datagrams were dropped, by reason.
        ended: how many calls ended, by cause.
        path_changes: how often a call's path was set or moved, by cause.
        ice_restarts: how often a call's path became that of an ICE restart.
        flow_conflicts: how often a call could not have a client address because another living call has it.
    """

    def __init__(
        self, application: Application, refusals: StunRefusals, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._application = application
        self._channel_event = application.channel_event if isinstance(application, ChannelApplication) else None
        self._packet_received = application.packet_received
        self._refusals = refusals
        self._wake = wake
        self._table: SessionTable[Call] = SessionTable(_has_left)
        self._call_numbered = self._table.of_number
        self._timers: TimerQueue[Call] = TimerQueue()
        self._by_id: dict[str, Call] = {}
        self._half_open: set[Call] = set()
        self._touched: dict[Call, bool] = {}  # False: all that happened to it was media
        self._outgoing: list[Outgoing] = []
        self.drops: Counter[DropReason] = Counter()
        self.ended: Counter[EndCause] = Counter()
        self.path_changes: Counter[str] = Counter()
        self.ice_restarts = 0
        self.flow_conflicts = 0

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def half_open(self) -> int:
        """How many calls have no keys yet."""
        return len(self._half_open)

    def calls(self) -> list[Call]:
        """The calls that live."""
        return list(self._by_id.values())

    def owns(self, ufrag: str) -> bool:
        """Whether a living call has this ufrag."""
        return ufrag in self._table

    def add(self, call: Call) -> None:
        """Begin to route to ``call``."""
        call.attach(self.touch, self.touch_for_media)
        self._by_id[call.call_id] = call
        self._table.add(call.ufrag, call)
        self._half_open.add(call)
        self._touched[call] = True

    def restart(self, call: Call, local: IceCredentials, remote: IceCredentials, now: float) -> None:
        """Restart the ICE of ``call``, and route its new ufrag beside the old one.

        Raises:
            UsageError: the session is closed; nothing has changed.
        """
        call.session.restart_ice(local, remote, now)
        if call.log is not None:
            call.log.restart_requested(local.ufrag, now)
        self._table.add(local.ufrag, call)
        self._touched[call] = True
        self._follow(call, now)

    def find(self, call_id: str) -> Call | None:
        """Return the call of that name."""
        return self._by_id.get(call_id)

    @property
    def table(self) -> NativeSessionTable:
        """The addresses and keys of the calls, to open a batch with before it is received here."""
        return self._table.native

    def receive_batch(self, batch: Iterable[Received], now: float) -> None:
        """Take a batch: each to its call, or counted."""
        for received in batch:
            if isinstance(received, OpenedPacket):
                self._receive_opened(received, now)
            elif isinstance(received, ReceivedDatagram):
                self.receive(received.kind, received.payload, received.path, now)
            else:
                self._receive_refused(received)

    def receive(self, kind: Kind, datagram: bytes, path: Path, now: float) -> None:
        """Take one datagram: to its call, or counted."""
        call = self._call_of(kind, datagram, path, now)
        if call is None:
            return
        if call.log is not None:
            call.log.received(kind)
        reason = call.session.receive_classified(kind, datagram, path, now)
        if reason is not None:
            self._drop(reason, call)
        self._touched[call] = True
        self._follow(call, now)

    def touch(self, call: Call) -> None:
        """Note that ``call`` was changed from outside and has to be drained."""
        self._touched[call] = True
        self._wake()

    def touch_for_media(self, call: Call) -> None:
        """Note that ``call`` was made to send media, and nothing else."""
        if call not in self._touched:
            self._touched[call] = False
            self._wake()

    def outgoing(self, now: float) -> list[Outgoing]:
        """Return and forget what all touched calls have to send, and see to their timers and ends."""
        outgoing, self._outgoing = self._outgoing, []
        while self._touched:
            call, is_to_be_drained = self._touched.popitem()
            media = None if is_to_be_drained else call.media_to_send()
            outgoing += self._drain(call, now) if media is None else media
        return outgoing

    def _drain(self, call: Call, now: float) -> list[Outgoing]:
        outgoing = call.outgoing(now)
        if self._follow(call, now):
            self._touched[call] = True  # what an application did about it leaves with this batch too
        elif call.call_id in self._by_id:
            self._timers.schedule(call, call.next_timer())
        return outgoing

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called, None for never."""
        return self._timers.next()

    def handle_timer(self, now: float) -> None:
        """Let every call do what is due at ``now``."""
        for call in self._timers.due(now):
            call.handle_timer(now)
            self._touched[call] = True

    # one datagram's way

    def _call_of(self, kind: Kind, datagram: bytes, path: Path, now: float) -> Call | None:
        if kind is Kind.STUN:
            return self._call_of_check(datagram, path, now)
        call = self._table.of_client(path.client)
        if call is None:
            self._drop(DropReason.NO_SESSION)
        return call

    def _call_of_check(self, datagram: bytes, path: Path, now: float) -> Call | None:
        """Find the call by server ufrag; where there is none, a request may get 400 or 401 (RFC 8489 section 9.1.3)."""
        ufrag = stun.server_ufrag(datagram)
        call = self._table.of_ufrag(ufrag) if isinstance(ufrag, str) else None
        if call is None:
            reason, answer = self._refusals.refuse_stranger(datagram, path, now)
            self._drop(reason)
            if answer is not None:
                self._outgoing.append((*answer, None))
        return call

    def _receive_opened(self, opened: OpenedPacket, now: float) -> None:
        """Take a packet that was opened in its batch; what came before it there may have ended its call."""
        packet, path, kind, session = opened
        call = self._call_numbered(session)
        if call is None:
            self._drop(DropReason.NO_SESSION)
            return
        if call.log is not None:
            call.log.received(kind)
        self._touched.setdefault(call, False)
        reason = call.session.accept_opened(kind, path, now)
        if reason is not None:
            self._drop(reason, call)
        elif isinstance(packet, RtpPacket) or kind is Kind.RTP:
            self._take_rtp(call, packet, now, now)
        else:
            self._take_rtcp(call, packet, now)

    def _receive_refused(self, refused: RefusedPacket) -> None:
        call = self._call_numbered(refused.session)
        if call is not None and call.log is not None:
            call.log.received(refused.kind)
        self._drop(refused.reason, call)

    def _drop(self, reason: DropReason, call: Call | None = None) -> None:
        self.drops[reason] += 1
        if call is not None and call.log is not None:
            call.log.dropped(reason)

    # what calls report

    def _follow(self, call: Call, now: float) -> bool:
        """Do what the events of ``call`` ask for; False where there were none."""
        has_events = False
        while (event := call.session.next_event()) is not None:
            self._dispatch(call, event, now)
            has_events = True
        return has_events

    def _dispatch(self, call: Call, event: SessionEvent, now: float) -> None:
        if call.log is not None:
            call.log.follow(event, now)
        match event:
            case RtpReceived(packet, arrived_at):
                self._take_rtp(call, packet, arrived_at, now)
            case RtcpReceived(packet, arrived_at):
                self._take_rtcp(call, packet, arrived_at)
            case AddressAuthenticated(client):
                self._bind(client, call, now)
            case PathChanged(path, cause):
                self.path_changes[cause.value] += 1
                self._bind(path.client, call, now)
            case IceRestarted(ufrag):
                call.ufrag = ufrag
                self.ice_restarts += 1
            case UfragRetired(ufrag):
                self._table.retire(ufrag)
            case HeldPacketDropped(reason):
                self._drop(reason, call)
            case SessionConnected():
                self._half_open.discard(call)
                self._arm(call)
                call.begin_media(now)
                self._guard(call, now, self._application.call_connected, call)
            case SessionEnded():
                self._remove(call, now, event)
            case _:
                self._tell_of_channel(call, event, now)

    def _tell_of_channel(self, call: Call, event: ChannelEvent, now: float) -> None:
        if self._channel_event is not None:
            self._guard(call, now, self._channel_event, call, event)

    def _take_rtp(self, call: Call, packet: RtpPacket | bytes, arrived_at: float, now: float) -> None:
        if call.log is not None:
            call.log.media(arrived_at)
        parsed = call.take_rtp(packet, arrived_at)
        if isinstance(parsed, DropReason):
            self._drop(parsed, call)
        else:
            try:
                self._packet_received(call, parsed)
            except Exception:
                self._application_failed(call, now)

    def _take_rtcp(self, call: Call, packet: bytes, arrived_at: float) -> None:
        reason = call.take_rtcp(packet, arrived_at)
        if reason is not None:
            self._drop(reason, call)

    def _arm(self, call: Call) -> None:
        if call.session.srtp is not None:
            self._table.arm(call, call.session.srtp)

    def _bind(self, client: Address, call: Call, now: float) -> None:
        if not self._table.bind(client, call, now):
            self.flow_conflicts += 1
            if call.log is not None:
                call.log.address_conflict(client, now)

    def _remove(self, call: Call, now: float, event: SessionEnded) -> None:
        del self._by_id[call.call_id]
        self._table.remove(call)
        self._half_open.discard(call)
        self._timers.schedule(call, None)
        self.ended[event.cause] += 1
        if call.log is not None:
            call.log.ended(event, call.statistics, now)
        facts = {"session": call.ufrag[:6], "cause": event.cause.value, "detail": event.detail}
        _LOGGER.info("session_ended", extra=facts)
        self._guard(call, now, self._application.call_ended, call, event.cause)
        self._guard(call, now, call.ended)

    def _guard(self, call: Call, now: float, callback: Callable[..., None], *arguments: object) -> None:
        """Call the application; a fault of its own ends this call and no other."""
        try:
            callback(*arguments)
        except Exception:
            self._application_failed(call, now)

    def _application_failed(self, call: Call, now: float) -> None:
        """Log the exception that is being handled, and end the call."""
        _LOGGER.exception("application_failed", extra={"session": call.ufrag[:6]})
        if call.call_id in self._by_id:
            call.session.close(now, cause=EndCause.APPLICATION_FAILED)
