"""All calls of a transceiver, without I/O: batches of datagrams and ``now`` in, batches of datagrams out.

A batch climbs once (find the call, let it take the datagram, follow its events), and what it caused is collected
once, at the end. Every datagram is taken or counted, by :class:`.DropCounter` and nothing else. Whatever a call does, a
fault of ours in it ends this call and costs no other its turn.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable

from .._native.session_table import NativeSessionTable
from ..drops import DropReason
from ..session.events import EndCause
from ..session.negotiation import IceCredentials, Negotiation
from ..session.outbox import Outgoing
from ..session.session_state import SessionState
from ..session.stun_refusals import StunRefusals
from ..wire.address import Path
from ..wire.packet import Kind
from ..wire.rtp import RtpPacket
from .application import Application
from .call import Call
from .call_follower import CallFollower
from .call_registry import CallRegistry
from .drop_counter import DropCounter
from .facts import CallNews, OpenedPacket, Received, ReceivedDatagram, RefusedPacket, TakenPacket
from .setup_times import SetupTimes
from .timers import TimerQueue
from .uplink_rescue import UplinkRescue

__all__ = ["Switchboard"]


class Switchboard:
    """The calls of one transceiver.

    Args:
        application: gets the calls' audio.
        refusals: answers to binding requests that belong to no call.
        wake: called when an application made a call do something, outside of what happens here: :meth:`outgoing` has
            to be asked soon.
        rescues_uplink: whether genuine RTP counts also from addresses that have not checked, see
            :mod:`.uplink_rescue`.

    Attributes:
        packets_rescued: how many of those there were.
    """

    def __init__(
        self,
        application: Application,
        refusals: StunRefusals,
        wake: Callable[[], None] = lambda: None,
        *,
        rescues_uplink: bool = False,
    ) -> None:
        self._wake = wake
        self._registry = CallRegistry(refusals)
        self._counter = DropCounter()
        self._follower = CallFollower(application, self._registry, self._counter)
        self._deliver = self._follower.deliver
        self._call_numbered = self._registry.table.of_number
        self._rescue = UplinkRescue(self._registry) if rescues_uplink else None
        self.packets_rescued = 0
        self._timers: TimerQueue[Call] = TimerQueue()
        self._companions: TimerQueue[Call] = TimerQueue()  # a frame every 20 ms leaves the rest of its call alone
        self._touched: dict[Call, bool] = {}  # False: all that happened to it was media

    def __len__(self) -> int:
        return len(self._registry)

    @property
    def half_open(self) -> int:
        """How many calls have no keys yet."""
        return self._registry.half_open

    @property
    def drops(self) -> Counter[DropReason]:
        """How many datagrams were dropped, by reason."""
        return self._counter.counts

    @property
    def ended(self) -> Counter[EndCause]:
        """How many calls ended, by cause."""
        return self._follower.ended

    @property
    def path_changes(self) -> Counter[str]:
        """How often a call's path was set or moved, by cause."""
        return self._follower.path_changes

    @property
    def ice_restarts(self) -> int:
        """How often a call's path became that of an ICE restart."""
        return self._follower.ice_restarts

    @property
    def flow_conflicts(self) -> int:
        """How often a call could not have a client address because another living call has it."""
        return self._follower.flow_conflicts

    @property
    def setup(self) -> SetupTimes:
        """How long calls took to be set up."""
        return self._follower.setup

    @property
    def table(self) -> NativeSessionTable:
        """The addresses and keys of the calls, to open a batch with before it is received here."""
        return self._registry.table.native

    def calls(self) -> list[Call]:
        """The calls that live."""
        return self._registry.calls()

    def find(self, call_id: str) -> Call | None:
        """Return the call of that name."""
        return self._registry.find(call_id)

    def owns(self, ufrag: str) -> bool:
        """Whether a living call has this ufrag."""
        return ufrag in self._registry.table

    def add(self, call: Call) -> None:
        """Begin to route to ``call``."""
        call.attach(self.touch, self.touch_for_media)
        self._registry.add(call)
        self._touched[call] = True

    def restart(self, call: Call, local: IceCredentials, remote: IceCredentials, now: float) -> None:
        """Restart the ICE of ``call``, and route its new ufrag beside the old one.

        Raises:
            UsageError: the session is closed; nothing has changed.
        """
        call.session.restart_ice(local, remote, now)
        call.offers.restarted(local, remote)
        self._restarting(call, local, now)
        self._touched[call] = True
        self._follower.follow(call, now)

    def renegotiate(
        self, call: Call, negotiation: Negotiation, now: float, *, restart: IceCredentials | None = None
    ) -> None:
        """Have ``call`` follow a later answer; ``restart`` are our new credentials where that restarts ICE.

        Raises:
            UsageError: the session is closed; nothing has changed.
        """
        call.renegotiate(negotiation, now, restart=restart)
        if call.log is not None:
            call.log.renegotiated(negotiation, now)
        if restart is not None:
            self._restarting(call, restart, now)
        self._touched[call] = True
        self._follower.follow(call, now)

    def _restarting(self, call: Call, local: IceCredentials, now: float) -> None:
        if call.log is not None:
            call.log.restart_requested(local.ufrag, now)
        self._registry.table.add(local.ufrag, call)

    def close(self, call: Call, now: float) -> None:
        """End ``call``, be it as broken as it may."""
        try:
            call.close()
        except Exception:
            self._fail(call, now)

    def receive_batch(self, batch: Iterable[Received], now: float) -> None:
        """Take a batch: each to its call, or counted."""
        for received in batch:
            if isinstance(received, TakenPacket):
                self._receive_taken(received, now)
            elif isinstance(received, OpenedPacket):
                self._receive_opened(received, now)
            elif isinstance(received, ReceivedDatagram):
                self.receive(received.kind, received.payload, received.path, now)
            elif isinstance(received, CallNews):
                self._look_at(self._call_numbered(received.session))
            else:
                self._receive_refused(received)

    def receive(self, kind: Kind, datagram: bytes, path: Path, now: float) -> None:
        """Take one datagram: to its call, or counted."""
        call = self._registry.owner(kind, datagram, path, now)
        is_rescued = False
        if call is DropReason.NO_SESSION and kind is Kind.RTP and self._rescue is not None:
            call = self._rescue.owner(datagram, now) or DropReason.NO_SESSION
            is_rescued = True
        if isinstance(call, DropReason):
            self._counter.drop(call)
            return
        self._touched[call] = True
        try:
            self._give(call, kind, datagram, path, now, is_rescued=is_rescued)
        except Exception:
            self._fail(call, now)

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
        outgoing, self._registry.answers = self._registry.answers, []
        while self._touched:
            call, is_to_be_drained = self._touched.popitem()
            try:
                media = None if is_to_be_drained else call.media_to_send()
                outgoing += self._drain(call, now) if media is None else media
                self._look_at_companion(call)
            except Exception:
                self._fail(call, now)
                with contextlib.suppress(Exception):
                    outgoing += call.session.outgoing(now)  # its last words
        return outgoing

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called, None for never."""
        timer, other = self._timers.next(), self._companions.next()
        return other if timer is None else timer if other is None else min(timer, other)

    def handle_timer(self, now: float) -> None:
        """Let every call, and what it drives beside itself, do what is due at ``now``."""
        for call in self._timers.due(now):
            self._touched[call] = True
            try:
                call.handle_timer(now)
            except Exception:
                self._fail(call, now)
        for call in self._companions.due(now):
            self._touched.setdefault(call, False)
            try:
                call.drive_companion(now)
            except Exception:
                self._fail(call, now)

    def _fail(self, call: Call, now: float) -> None:
        """End a call whose step has raised."""
        self._follower.failed(call, now)
        self._timers.schedule(call, None)
        self._companions.schedule(call, None)

    def _give(self, call: Call, kind: Kind, datagram: bytes, path: Path, now: float, *, is_rescued: bool) -> None:
        if call.log is not None:
            call.log.received(kind)
        call.catch_up()
        if is_rescued:
            reason = call.session.rescue(datagram, now)
            self.packets_rescued += reason is None
        else:
            reason = call.session.receive_classified(kind, datagram, path, now)
        if reason is not None:
            self._counter.drop(reason, call)
        elif kind is Kind.STUN:
            self._follower.checked(call, path.client, now)
        self._follower.follow(call, now)

    def _drain(self, call: Call, now: float) -> list[Outgoing]:
        call.catch_up()
        outgoing = call.outgoing(now)
        if self._follower.follow(call, now):
            self._touched[call] = True  # what an application did about it leaves with this batch too
        self._timers.schedule(call, call.next_timer() if call in self._registry else None)
        call.entrust()
        return outgoing

    def _look_at_companion(self, call: Call) -> None:
        if call.companion is not None:
            self._companions.schedule(call, call.companion_timer())

    def _look_at(self, call: Call | None) -> None:
        if call is not None:
            self._touched[call] = True

    def _receive_taken(self, taken: TakenPacket, now: float) -> None:
        """Hand up a packet that was counted in its batch; what came before it there may have ended its call."""
        packet, session, has_news = taken
        call = self._call_numbered(session)
        # Who ends is touched by that, and gone from the table once drained; all others' sessions stay out of the cache.
        if call is None or (call in self._touched and call.session.state is SessionState.CLOSED):
            self._counter.drop(DropReason.NO_SESSION if call is None else DropReason.SESSION_CLOSED, call)
            return
        if has_news:
            self._touched[call] = True
        try:
            self._give_taken(call, packet, now)
        except Exception:
            self._touched[call] = True  # its last words leave with this batch
            self._fail(call, now)

    def _give_taken(self, call: Call, packet: RtpPacket, now: float) -> None:
        if call.log is not None:
            call.log.received(Kind.RTP)
            call.log.media(now)
            if not call.delivers:
                return  # it came up for the log alone
        self._deliver(call, packet, now)
        self._look_at_companion(call)

    def _receive_opened(self, opened: OpenedPacket, now: float) -> None:
        """Take a packet that was opened in its batch; what came before it there may have ended its call."""
        call = self._call_numbered(opened.session)
        if call is None:
            self._counter.drop(DropReason.NO_SESSION)
            return
        self._touched[call] = True  # what has to be asked for may need no asking from the next batch on
        try:
            self._give_opened(call, opened, now)
        except Exception:
            self._fail(call, now)

    def _give_opened(self, call: Call, opened: OpenedPacket, now: float) -> None:
        packet, path, kind, _ = opened
        if call.log is not None:
            call.log.received(kind)
        call.catch_up()
        reason = call.session.accept_opened(kind, path, now)
        if reason is not None:
            self._counter.drop(reason, call)
        elif isinstance(packet, RtpPacket) or kind is Kind.RTP:
            self._follower.take_rtp(call, packet, now, now)
        else:
            self._follower.take_rtcp(call, packet, now)

    def _receive_refused(self, refused: RefusedPacket) -> None:
        call = self._call_numbered(refused.session)
        if refused.reason is DropReason.RTP_PROBATION:
            self._look_at(call)  # it was authentic
        if call is not None and call.log is not None:
            call.log.received(refused.kind)
        self._counter.drop(refused.reason, call)
