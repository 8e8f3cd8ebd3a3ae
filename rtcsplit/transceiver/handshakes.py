"""DTLS handshakes beside the event loop: one thread takes the steps of all of them, so that a burst of calls costs
those that run no more than its share of the CPU.

A session holds a :class:`HandshakeFront` where it would hold a :class:`~rtcsplit.session.dtls.DtlsEndpoint`. The front
hands datagrams and timers to the thread, in order, and gives the session what came back: datagrams, events, the next
timer. When the handshake has ended and nothing is under way any more, the endpoint is the loop's alone, and the front
passes everything straight on. Neither side waits for the other; between the two there are queues and no lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from ..drops import DropReason
from ..errors import DtlsError, UsageError
from ..session.certificate import Fingerprint
from ..session.dtls import DtlsEndpoint
from ..session.dtls_context import DtlsContext
from ..session.dtls_state import DtlsState
from ..session.events import DtlsEvent, DtlsFailed, HeldPacketDropped
from ..session.negotiation import DtlsRole

__all__ = ["HandshakeFront", "HandshakeThread"]

_LOGGER = logging.getLogger(__name__)
_MAX_UNDER_WAY = 16 * 1024  # octets of one session's datagrams that wait for the thread; a flight has less than 5,000

_Step = Callable[[DtlsEndpoint], DropReason | None]


@dataclass(frozen=True, slots=True)
class _Task:
    """One call of an endpoint, and how many octets of the peer it keeps in memory."""

    front: HandshakeFront
    step: _Step
    now: float
    octets: int


@dataclass(frozen=True, slots=True)
class _Result:
    """What a task brought."""

    task: _Task
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
        self, make: Callable[[], DtlsEndpoint], submit: Callable[[_Task], None], progressed: Callable[[], None]
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
        self._events: deque[DtlsEvent] = deque()

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
            return self._events.popleft()
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

    def run(self, task: _Task) -> _Result | None:
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
            return _Result(task, endpoint.datagrams_to_send(task.now), events, endpoint.next_timer())
        except Exception as error:  # a bug of ours: it ends this session, and not the handshakes of all others
            _LOGGER.exception("handshake_step_failed")
            failure = DtlsError("internal_error", f"{type(error).__name__} in a handshake")
            return _Result(task, [], [DtlsFailed(failure)], None)

    # in the loop's thread again

    def take(self, result: _Result) -> None:
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
        self._submit(_Task(self, step, now, octets))


class HandshakeThread:
    """Takes the handshake steps of all calls of one transceiver.

    One thread and no more: OpenSSL works without Python's lock, but what is between its calls does not.

    Args:
        context: certificate and profiles of all associations.
    """

    def __init__(self, context: DtlsContext) -> None:
        self._context = context
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._results: deque[_Result] = deque()
        self._is_loop_woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def open(
        self, progressed: Callable[[], None], role: DtlsRole, fingerprints: Sequence[Fingerprint]
    ) -> HandshakeFront:
        """Return a new association.

        Args:
            progressed: called in the loop whenever it has something new to say.
            role: CLIENT sends the ClientHello.
            fingerprints: any one of them must match the peer's certificate.
        """
        return HandshakeFront(lambda: DtlsEndpoint(self._context, role, fingerprints), self._tasks.put, progressed)

    def start(self) -> None:
        """Begin; results come in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="rtcsplit handshakes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, once the step at hand is taken; close the associations first. Idempotent."""
        if self._thread is not None:
            self._tasks.put(None)
            self._thread.join()
            self._thread = None
            self._results.clear()

    def _work(self) -> None:
        while self._take_next():
            pass

    def _take_next(self) -> bool:
        """Wait for a task and take it; in a frame of its own, which keeps nothing of it during the next wait."""
        task = self._tasks.get()
        if task is None:
            return False
        result = task.front.run(task)
        if result is not None:
            self._results.append(result)
            if not self._is_loop_woken:
                self._is_loop_woken = True
                self._wake_loop()
        return True

    def _wake_loop(self) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for this
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_loop_woken = False  # before looking, so that a result which comes now wakes us
        fronts: dict[HandshakeFront, None] = {}
        while self._results:
            result = self._results.popleft()
            result.task.front.take(result)
            fronts[result.task.front] = None
        for front in fronts:
            front.progressed()
