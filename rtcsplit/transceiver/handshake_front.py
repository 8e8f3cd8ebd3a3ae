"""One association whose handshake runs in another thread, as its session sees it.

A session of a transceiver holds a :class:`HandshakeFront` where it would hold a
:class:`~rtcsplit.session.dtls.DtlsEndpoint`. The front hands datagrams and timers to the thread, in order, and gives
the session what came back: datagrams, events, the next timer. When the handshake has ended and nothing is under way
any more, the endpoint is the loop's alone, and the front passes everything straight on. Neither side waits for the
other; between the two there are queues and no lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ..drops import DropReason
from ..errors import DtlsError, UsageError
from ..session.dtls import DtlsEndpoint
from ..session.dtls_state import DtlsState
from ..session.events import DtlsEvent, DtlsFailed, HeldPacketDropped

__all__ = ["HandshakeFront", "HandshakeResult", "HandshakeTask"]

_LOGGER = logging.getLogger(__name__)
_MAX_UNDER_WAY = 16 * 1024  # octets of one session's datagrams that wait for the thread; a flight has less than 5,000

_Step = Callable[[DtlsEndpoint], DropReason | None]


@dataclass(frozen=True, slots=True)
class HandshakeTask:
    """One call of an endpoint, and how many octets of the peer it keeps in memory."""

    front: HandshakeFront
    step: _Step
    now: float
    octets: int


@dataclass(frozen=True, slots=True)
class HandshakeResult:
    """What a task brought."""

    task: HandshakeTask
    datagrams: list[bytes]
    events: list[DtlsEvent]
    timer: float | None


class HandshakeFront:
    """One association, as its session sees it; :class:`~rtcsplit.session.dtls.DtlsEndpoint` says what methods do.

    Args:
        make: makes the endpoint, in the thread and not before there is something to do.
        submit: gives a task to the thread.
        progressed: called in the loop's thread after results have come in.
    """

    __slots__ = (
        "_endpoint",
        "_events",
        "_is_closed",
        "_is_ours",
        "_is_repeating",
        "_make",
        "_octets",
        "_outgoing",
        "_progressed",
        "_state",
        "_submit",
        "_timer",
        "_under_way",
    )

    def __init__(
        self, make: Callable[[], DtlsEndpoint], submit: Callable[[HandshakeTask], None], progressed: Callable[[], None]
    ) -> None:
        self._make = make
        self._submit = submit
        self._progressed: Callable[[], None] | None = progressed
        self._endpoint: DtlsEndpoint | None = None  # the thread's, until it is ours
        self._is_ours = False
        self._is_closed = False
        self._is_repeating = False
        self._under_way = 0
        self._octets = 0
        self._state = DtlsState.NEW
        self._timer: float | None = None
        self._outgoing: list[bytes] = []
        self._events: list[DtlsEvent] = []

    @property
    def state(self) -> DtlsState:
        """HANDSHAKING until the endpoint is ours, though the keys may have come out before."""
        return self._state if self._own is None else self._own.state

    def start(self, now: float) -> None:
        """Begin; later calls do nothing."""
        if self._state is DtlsState.NEW:
            self._state = DtlsState.HANDSHAKING
            self._hand_over(lambda endpoint: endpoint.start(now), now)

    def receive(self, datagram: bytes, now: float) -> DropReason | None:
        """Take a datagram; what the thread finds it useless for comes as a ``HeldPacketDropped``."""
        if self._own is not None:
            return self._own.receive(datagram, now)
        if self._state is not DtlsState.HANDSHAKING:
            return DropReason.DTLS_REFUSED if self._state is DtlsState.NEW else DropReason.SESSION_CLOSED
        if self._octets + len(datagram) > _MAX_UNDER_WAY:
            return DropReason.DTLS_BUDGET
        self._hand_over(lambda endpoint: endpoint.receive(datagram, now), now, len(datagram))
        return None

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """Return what came back to be sent."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing if self._own is None else outgoing + self._own.datagrams_to_send(now)

    def repeat_flight(self, now: float) -> None:
        """Repeat the flight, unless that is under way already."""
        if self._own is not None:
            self._own.repeat_flight(now)
        elif self._state is DtlsState.HANDSHAKING and not self._is_repeating:
            self._is_repeating = True
            self._hand_over(lambda endpoint: self._repeat(endpoint, now), now)

    def next_event(self) -> DtlsEvent | None:
        """Return the next event."""
        if self._events:
            return self._events.pop(0)
        return None if self._own is None else self._own.next_event()

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called; None while that is under way."""
        return self._timer if self._own is None else self._own.next_timer()

    def handle_timer(self, now: float) -> None:
        """Have the endpoint do what is due."""
        if self._own is not None:
            self._own.handle_timer(now)
        elif self._timer is not None and now >= self._timer:
            self._timer = None
            self._hand_over(lambda endpoint: endpoint.handle_timer(now), now)

    def send(self, data: bytes) -> None:
        """Send application data.

        Raises:
            UsageError: as :meth:`.dtls.DtlsEndpoint.send`.
        """
        if self._own is None:
            raise UsageError("application data needs an established association")
        self._own.send(data)

    def close(self, now: float) -> None:
        """End the association. What is under way comes to nothing; the thread leaves out what it has not begun."""
        self._is_closed = True
        self._progressed = None
        if self._own is not None:
            self._own.close(now)
        else:
            self._state = DtlsState.CLOSED
            self._timer = None
            self._events.clear()

    # in the thread

    def run(self, task: HandshakeTask) -> HandshakeResult | None:
        """Take a step; None where nobody wants it any more."""
        if self._is_closed:
            return None
        try:
            if self._endpoint is None:
                self._endpoint = self._make()
            endpoint = self._endpoint
            refusal = task.step(endpoint)
            events: list[DtlsEvent] = [] if refusal is None else [HeldPacketDropped(refusal)]
            while (event := endpoint.next_event()) is not None:
                events.append(event)
            return HandshakeResult(task, endpoint.datagrams_to_send(task.now), events, endpoint.next_timer())
        except Exception as error:  # a bug of ours: it ends this session, and not the handshakes of all others
            _LOGGER.exception("handshake_step_failed")
            failure = DtlsError("internal_error", f"{type(error).__name__} in a handshake")
            return HandshakeResult(task, [], [DtlsFailed(failure)], None)

    # in the loop's thread again

    def take(self, result: HandshakeResult) -> None:
        """Keep what a task brought; the last one brings the endpoint with it, if its handshake has ended."""
        self._under_way -= 1
        self._octets -= result.task.octets
        if self._is_closed:
            return
        self._outgoing += result.datagrams
        self._events.extend(result.events)
        self._timer = result.timer
        if not self._under_way and self._endpoint is not None:
            self._is_ours = self._endpoint.state is not DtlsState.HANDSHAKING

    def progressed(self) -> None:
        """Tell the session, if it still wants to know."""
        if self._progressed is not None:
            self._progressed()

    @property
    def _own(self) -> DtlsEndpoint | None:
        return self._endpoint if self._is_ours else None

    def _repeat(self, endpoint: DtlsEndpoint, now: float) -> None:
        self._is_repeating = False
        endpoint.repeat_flight(now)

    def _hand_over(self, step: _Step, now: float, octets: int = 0) -> None:
        self._under_way += 1
        self._octets += octets
        self._submit(HandshakeTask(self, step, now, octets))
