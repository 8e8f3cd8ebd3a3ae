"""DTLS 1.2 with SRTP keys, for one peer, without I/O (RFC 6347, RFC 5764, RFC 8827 section 6.5).

The endpoint owns datagram boundaries, the repetition of flights and the bounds in front of OpenSSL; the handshake
itself is OpenSSL's. Paths are not its business: whoever drives it sends its datagrams to the path that ICE selected,
and gives it only what came from a tuple with an authenticated check.

A handshake that fails on a server before it answered anything does not end the endpoint: such a ClientHello may come
from anybody who can name our peer's address. It gets its alert, and the endpoint waits on for a better one until the
deadline, which then reports the last failure.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..drops import DropReason
from ..errors import DtlsError, UsageError
from .certificate import Fingerprint
from .dtls_alerts import ALERT_NAMES, BAD_CERTIFICATE, HANDSHAKE_FAILURE, alert_in_place_of, diagnose
from .dtls_context import DtlsContext
from .dtls_engine import DtlsEngine, Progress
from .dtls_flights import Flight
from .dtls_intake import HandshakeIntake, may_be_finished
from .dtls_records import ContentType, Record, cut, parse_records
from .dtls_state import TRANSITIONS, DtlsState, DtlsTrigger
from .events import DataReceived, DtlsClosed, DtlsEvent, DtlsFailed, HandshakeCompleted
from .negotiation import DtlsRole

__all__ = ["HANDSHAKE_TIMEOUT", "MAX_DATA", "MAX_DATAGRAM", "DtlsEndpoint", "DtlsState"]

MAX_DATAGRAM = 1200  # octets of the largest datagram we send
MAX_DATA = 1163  # application data in one: 13 octets of header, 8 of explicit nonce, 16 of tag
HANDSHAKE_TIMEOUT = 30.0
_SHORTEST_POLL = 0.005  # OpenSSL rounds what is left of its timer; do not spin on the rest


class DtlsEndpoint:
    """One DTLS association.

    After each call that changes it, empty :meth:`datagrams_to_send` and :meth:`next_event` and ask
    :meth:`next_timer` again.

    Args:
        context: shared by all endpoints of one certificate; nothing else is shared, so an endpoint may be driven in
            any one thread at a time.
        role: CLIENT sends the ClientHello.
        remote_fingerprints: any one of them must match the peer's certificate.

    Attributes:
        role: as given.
    """

    def __init__(self, context: DtlsContext, role: DtlsRole, remote_fingerprints: Sequence[Fingerprint]) -> None:
        self.role = role
        self._state = DtlsState.NEW
        self._context = context
        self._fingerprints = tuple(remote_fingerprints)
        self._engine = DtlsEngine(context, role, self._fingerprints, MAX_DATAGRAM)
        self._intake = HandshakeIntake(role)
        self._flight = Flight()
        self._answered_at_seq = -1
        self._peer_finished: bytes | None = None
        self._last_error: DtlsError | None = None
        self._deadline = 0.0
        self._poll_at: float | None = None
        self._outgoing: list[bytes] = []
        self._events: list[DtlsEvent] = []

    @property
    def state(self) -> DtlsState:
        """Where the association stands."""
        return self._state

    def start(self, now: float) -> None:
        """Begin, upon the first authenticated check: a client sends its ClientHello, a server listens for 30 s.

        Later calls do nothing.
        """
        if not self._apply(DtlsTrigger.STARTED):
            return
        self._deadline = now + HANDSHAKE_TIMEOUT
        if self.role is DtlsRole.CLIENT:
            self._advance(None, now)

    def receive(self, datagram: bytes, now: float) -> DropReason | None:
        """Take a datagram of the peer; None where at least one of its records was of use, else why none was."""
        if self.state is DtlsState.NEW:
            return DropReason.DTLS_REFUSED
        records = parse_records(datagram)
        if isinstance(records, DropReason):
            return records
        refusals = [self._receive_record(record, now) for record in records]
        self._drain(now)
        return None if None in refusals else refusals[0]

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """Return what is to be sent on the selected path; each at most 1,200 octets."""
        datagrams, self._outgoing = self._outgoing, []
        return datagrams

    def repeat_flight(self, now: float) -> None:
        """Send the flight that waits for an answer once more, on a path that has just proved itself."""
        self._outgoing += self._flight.repeat(now)

    def next_event(self) -> DtlsEvent | None:
        """Return the next event, None when there is none."""
        return self._events.pop(0) if self._events else None

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called; None outside of a handshake."""
        if self.state is not DtlsState.HANDSHAKING:
            return None
        return min(at for at in (self._deadline, self._flight.due, self._poll_at) if at is not None)

    def handle_timer(self, now: float) -> None:
        """Repeat the flight, let OpenSSL look at its own clock, or give up, whatever is due."""
        if self.state is not DtlsState.HANDSHAKING:
            return
        if now >= self._deadline:
            late = DtlsError("handshake_timeout", f"no handshake within {HANDSHAKE_TIMEOUT:.0f} s")
            self._end(DtlsTrigger.FAILED, DtlsFailed(self._last_error or late))
            return
        self._outgoing += self._flight.repeat_when_due(now)
        if self._poll_at is not None and now >= self._poll_at:
            self._retransmit(now)

    def send(self, data: bytes) -> None:
        """Send application data in one record.

        Raises:
            UsageError: the association is not established, or ``data`` is empty or longer than 1,163 octets.
        """
        if self.state is not DtlsState.ESTABLISHED:
            raise UsageError("application data needs an established association")
        if not 0 < len(data) <= MAX_DATA:
            raise UsageError(f"{len(data)} octets of application data: 1..{MAX_DATA} fit")
        self._conclude(None, self._engine.send(data))

    def close(self, now: float) -> None:
        """End the association: close_notify if it is established, silence otherwise. Later calls do nothing."""
        if self.state is DtlsState.ESTABLISHED:
            self._outgoing += cut(self._engine.close(), MAX_DATAGRAM)
        self._end(DtlsTrigger.CLOSED)

    def _apply(self, trigger: DtlsTrigger) -> bool:
        following = TRANSITIONS.get((self.state, trigger))
        if following is None:
            return False
        self._state = following
        return True

    def _end(self, trigger: DtlsTrigger, event: DtlsEvent | None = None) -> None:
        if self._apply(trigger) and event is not None:
            self._events.append(event)
        self._flight.settle()

    def _receive_record(self, record: Record, now: float) -> DropReason | None:
        if self.state is DtlsState.HANDSHAKING:
            return self._intake.admit(record)
        if self.state is DtlsState.ESTABLISHED:
            return self._receive_established(record, now)
        return DropReason.SESSION_CLOSED

    def _drain(self, now: float) -> None:
        """Feed the handshake what it can use, now that all of a datagram is there."""
        intake = self._intake
        if intake.highest_message_seq > self._answered_at_seq:
            self._flight.settle()
        while self._intake is intake and self.state is DtlsState.HANDSHAKING:
            ready = intake.next_record(self._engine.expects)
            if ready is None:
                break
            self._advance(ready, now)

    def _advance(self, record: Record | None, now: float) -> None:
        """Feed the handshake, keep what comes out as the current flight, and see whether that was all."""
        engine = self._engine
        progress = engine.step(record)
        if progress.error is not None:
            self._fail_step(record, progress)
            return
        if progress.output and not engine.is_complete and engine.has_answered and engine.profile is None:
            # OpenSSL goes on without use_srtp (RFC 5764 section 4.1.1 allows it); we have no use for that.
            error = DtlsError("no_srtp_profile", "no common SRTP profile", alert=ALERT_NAMES[HANDSHAKE_FAILURE])
            self._fail(error, alert_in_place_of(progress.output, HANDSHAKE_FAILURE))
            return
        if progress.output:
            self._intake.awaits_hello = False
            self._answered_at_seq = self._intake.highest_message_seq
            self._flight.send(cut(progress.output, MAX_DATAGRAM), now)
            self._outgoing += self._flight.repeat(now)
        if engine.is_complete and record is not None:
            self._complete(record)
        self._arm_poll(now)

    def _complete(self, finished: Record) -> None:
        profile = self._engine.profile
        if profile is None or not self._engine.peer.is_matched:
            self._fail(DtlsError("unverified_peer", "the handshake ended without a verified peer"), b"")
            return
        if self.role is DtlsRole.SERVER:
            self._flight.settle()
            self._peer_finished = finished.octets
        else:
            self._flight = Flight()  # the peer has it: nobody asks for it again
        self._intake = HandshakeIntake(self.role)
        self._apply(DtlsTrigger.COMPLETED)
        self._events.append(HandshakeCompleted(self._engine.export_keys(profile)))

    def _receive_established(self, record: Record, now: float) -> DropReason | None:
        """Epoch 1 alone: what anybody could write in the clear is not looked at any more."""
        if record.epoch != 1 or record.content_type == ContentType.CHANGE_CIPHER_SPEC:
            return DropReason.DTLS_REFUSED
        if record.content_type == ContentType.HANDSHAKE:
            return self._receive_finished(record, now)
        return self._conclude(record, self._engine.step(record))

    def _receive_finished(self, record: Record, now: float) -> DropReason | None:
        """A client repeats its Finished while ours has not come. Anything else would be a renegotiation."""
        if self.role is DtlsRole.CLIENT or not may_be_finished(record):
            return DropReason.DTLS_REFUSED
        if record.octets == self._peer_finished:
            self._outgoing += self._flight.repeat_settled(now)
            return None
        progress = self._engine.step(record)
        if progress.output:
            self._flight.replace(cut(progress.output, MAX_DATAGRAM), now)
        if progress.error is None and not self._engine.rests():
            progress = Progress(progress.output, error="renegotiation")
        return self._conclude(record, progress)

    def _conclude(self, record: Record | None, progress: Progress) -> DropReason | None:
        self._outgoing += cut(progress.output, MAX_DATAGRAM)
        self._events.extend(DataReceived(data) for data in progress.data)
        if progress.error is not None:
            self._end(DtlsTrigger.FAILED, DtlsFailed(diagnose(record, progress.error, progress.output)))
        elif progress.is_closed:
            self._end(DtlsTrigger.PEER_CLOSED, DtlsClosed())
        elif not progress.output and not progress.data:
            return DropReason.DTLS_REFUSED
        return None

    def _retransmit(self, now: float) -> None:
        progress = self._engine.retransmit()
        if progress.error is not None:
            self._fail_step(None, progress)
            return
        if progress.output:
            datagrams = cut(progress.output, MAX_DATAGRAM)
            self._flight.replace(datagrams, now)
            self._outgoing += datagrams
        self._arm_poll(now)

    def _arm_poll(self, now: float) -> None:
        left = self._engine.retransmission_due_in()
        self._poll_at = None if left is None else now + max(left, _SHORTEST_POLL)

    def _fail_step(self, record: Record | None, progress: Progress) -> None:
        message = progress.error or ""
        if self._engine.peer.is_matched is False and progress.output:
            # RFC 8122 section 6.2 names the alert; OpenSSL's would be unknown_ca.
            error = DtlsError("fingerprint_mismatch", message, alert=ALERT_NAMES[BAD_CERTIFICATE])
            self._fail(error, alert_in_place_of(progress.output, BAD_CERTIFICATE))
        else:
            self._fail(diagnose(record, message, progress.output), progress.output)

    def _fail(self, error: DtlsError, output: bytes) -> None:
        self._outgoing += cut(output, MAX_DATAGRAM)
        if not self._intake.awaits_hello:
            self._end(DtlsTrigger.FAILED, DtlsFailed(error))
            return
        self._last_error = error
        self._engine = DtlsEngine(self._context, self.role, self._fingerprints, MAX_DATAGRAM)
        self._intake = HandshakeIntake(self.role)
        self._poll_at = None
