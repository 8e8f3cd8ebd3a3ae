"""DTLS 1.2 with SRTP keys, for one peer, without I/O (RFC 6347, RFC 5764, RFC 8827 section 6.5).

The endpoint is a :class:`.dtls_handshake.Handshake` while there is one, and the protection of records afterwards. It
owns datagram boundaries. Paths are not its business: whoever drives it sends its datagrams to the path that ICE
selected, and gives it only what came from a tuple with an authenticated check.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..drops import DropReason
from ..errors import DtlsError, UsageError
from .certificate import Fingerprint
from .dtls_alerts import ALERT_NAMES, CLOSE_NOTIFY, FATAL, NO_RENEGOTIATION, WARNING
from .dtls_context import DtlsContext
from .dtls_flights import Flight
from .dtls_handshake import HANDSHAKE_TIMEOUT, MAX_DATAGRAM, Handshake, Keyed
from .dtls_protection import RecordProtection
from .dtls_records import ContentType, HandshakeType, Record, parse_records
from .dtls_state import TRANSITIONS, DtlsState, DtlsTrigger
from .events import DataReceived, DtlsClosed, DtlsEvent, DtlsFailed, HandshakeCompleted
from .negotiation import DtlsRole

__all__ = ["HANDSHAKE_TIMEOUT", "MAX_DATA", "MAX_DATAGRAM", "DtlsEndpoint", "DtlsState"]

MAX_DATA = 1163  # application data in a datagram: 13 octets of header, 8 of explicit nonce, 16 of tag


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
        state: where the association stands; nobody else's to set.
    """

    __slots__ = (
        "_context",
        "_events",
        "_fingerprints",
        "_finished",
        "_handshake",
        "_last_flight",
        "_outgoing",
        "_protection",
        "role",
        "state",
    )

    def __init__(self, context: DtlsContext, role: DtlsRole, remote_fingerprints: Sequence[Fingerprint]) -> None:
        self.role = role
        self.state = DtlsState.NEW
        self._context = context
        self._fingerprints = tuple(remote_fingerprints)
        self._handshake: Handshake | None = None
        self._protection: RecordProtection | None = None
        self._finished: bytes | None = None  # the client's, which a client that did not hear ours repeats
        self._last_flight: Flight | None = None
        self._outgoing: list[bytes] = []
        self._events: list[DtlsEvent] = []

    def start(self, now: float) -> None:
        """Begin, upon the first authenticated check: a client sends its ClientHello, a server listens for 30 s.

        Later calls do nothing.
        """
        if self._apply(DtlsTrigger.STARTED):
            self._handshake = Handshake(self._context, self.role, self._fingerprints, now)
            self._follow(self._handshake)

    def receive(self, datagram: bytes, now: float) -> DropReason | None:
        """Take a datagram of the peer; None where at least one of its records was of use, else why none was."""
        if self.state is DtlsState.NEW:
            return DropReason.DTLS_REFUSED
        records = parse_records(datagram)
        if isinstance(records, DropReason):
            return records
        refusals = [self._receive_record(record, now) for record in records]
        return None if None in refusals else refusals[0]

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """Return what is to be sent on the selected path; each at most 1,200 octets."""
        datagrams, self._outgoing = self._outgoing, []
        return datagrams

    def repeat_flight(self, now: float) -> None:
        """Send the flight that waits for an answer once more, on a path that has just proved itself."""
        if self._handshake is not None:
            self._handshake.repeat_flight(now)
            self._follow(self._handshake)

    def next_event(self) -> DtlsEvent | None:
        """Return the next event, None when there is none."""
        return self._events.pop(0) if self._events else None

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called; None outside of a handshake."""
        return None if self._handshake is None else self._handshake.next_timer()

    def handle_timer(self, now: float) -> None:
        """Repeat the flight, let OpenSSL look at its own clock, or give up, whatever is due."""
        if self._handshake is not None:
            self._handshake.handle_timer(now)
            self._follow(self._handshake)

    def send(self, data: bytes) -> None:
        """Send application data in one record.

        Raises:
            UsageError: the association is not established, or ``data`` is empty or longer than 1,163 octets.
        """
        if self.state is not DtlsState.ESTABLISHED:
            raise UsageError("application data needs an established association")
        if not 0 < len(data) <= MAX_DATA:
            raise UsageError(f"{len(data)} octets of application data: 1..{MAX_DATA} fit")
        self._send(ContentType.APPLICATION_DATA, data)

    def close(self, now: float) -> None:
        """End the association: close_notify if it is established, silence otherwise. Later calls do nothing."""
        if self.state is DtlsState.ESTABLISHED:
            self._send(ContentType.ALERT, bytes([WARNING, CLOSE_NOTIFY]))
        self._end(DtlsTrigger.CLOSED)

    def _apply(self, trigger: DtlsTrigger) -> bool:
        following = TRANSITIONS.get((self.state, trigger))
        if following is None:
            return False
        self.state = following
        return True

    def _end(self, trigger: DtlsTrigger, event: DtlsEvent | None = None) -> None:
        if self._apply(trigger) and event is not None:
            self._events.append(event)
        self._handshake = self._last_flight = None

    def _receive_record(self, record: Record, now: float) -> DropReason | None:
        if self._handshake is not None:
            refusal = self._handshake.receive(record, now)
            self._follow(self._handshake)
            return refusal
        if self.state is DtlsState.ESTABLISHED:
            return self._receive_established(record, now)
        return DropReason.SESSION_CLOSED

    def _follow(self, handshake: Handshake) -> None:
        """Take what a handshake brought, and leave it behind where it has ended."""
        self._outgoing += handshake.outgoing
        handshake.outgoing = []
        outcome = handshake.outcome
        if isinstance(outcome, Keyed):
            self._establish(outcome)
        elif outcome is not None:
            self._end(DtlsTrigger.FAILED, DtlsFailed(outcome))

    def _establish(self, keyed: Keyed) -> None:
        self._handshake = None
        self._protection = keyed.protection
        if self.role is DtlsRole.SERVER:
            self._finished, self._last_flight = keyed.finished.octets, keyed.flight
        self._apply(DtlsTrigger.COMPLETED)
        self._events.append(HandshakeCompleted(keyed.keys))

    # once it is established

    def _receive_established(self, record: Record, now: float) -> DropReason | None:
        """What is authentic alone: what anybody could write in the clear is not looked at any more."""
        if record.octets == self._finished:
            self._repeat_last_flight(now)
            return None
        assert self._protection is not None
        plaintext = self._protection.open(record)
        if not plaintext:
            return DropReason.DTLS_REFUSED
        if record.content_type == ContentType.APPLICATION_DATA:
            self._events.append(DataReceived(plaintext))
            return None
        if record.content_type == ContentType.ALERT:
            return self._take_alert(plaintext)
        return self._take_handshake(record.content_type, plaintext, now)

    def _take_alert(self, alert: bytes) -> DropReason | None:
        """RFC 5246 section 7.2: close_notify ends it, as does whatever is fatal."""
        if alert[1:] == bytes([CLOSE_NOTIFY]):
            self._end(DtlsTrigger.PEER_CLOSED, DtlsClosed())
        elif alert[0] == FATAL and len(alert) == 2:
            name = ALERT_NAMES.get(alert[1])
            error = DtlsError("alert", f"the peer sent {name or f'alert {alert[1]}'}", alert=name, is_remote=True)
            self._end(DtlsTrigger.FAILED, DtlsFailed(error))
        else:
            return DropReason.DTLS_REFUSED
        return None

    def _take_handshake(self, content_type: int, message: bytes, now: float) -> DropReason | None:
        """A repeated Finished wants our last flight (RFC 6347 section 4.2.4), a hello another handshake."""
        if content_type != ContentType.HANDSHAKE:
            return DropReason.DTLS_REFUSED
        if message[0] == HandshakeType.FINISHED:
            self._repeat_last_flight(now)
            return None
        if message[0] in (HandshakeType.HELLO_REQUEST, HandshakeType.CLIENT_HELLO):
            self._send(ContentType.ALERT, bytes([WARNING, NO_RENEGOTIATION]))
            return None
        return DropReason.DTLS_REFUSED

    def _repeat_last_flight(self, now: float) -> None:
        if self._last_flight is not None:
            self._outgoing += self._last_flight.repeat_settled(now)

    def _send(self, content_type: ContentType, plaintext: bytes) -> None:
        assert self._protection is not None
        self._outgoing.append(self._protection.seal(content_type, plaintext))
