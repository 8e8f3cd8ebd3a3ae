"""One handshake: records in, flights out, and at its end keys or an error.

A handshake that fails on a server before it answered anything is not over: such a ClientHello may come from anybody who
can name our peer's address. It gets its alert, and the handshake waits on for a better one until the deadline, which
then reports the last failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..drops import DropReason
from ..errors import DtlsError
from .certificate import Fingerprint
from .dtls_alerts import ALERT_NAMES, BAD_CERTIFICATE, HANDSHAKE_FAILURE, alert_in_place_of, diagnose
from .dtls_context import DtlsContext
from .dtls_engine import DtlsEngine, Progress
from .dtls_flights import Flight
from .dtls_intake import HandshakeIntake
from .dtls_protection import RecordProtection
from .dtls_records import Record, cut
from .keying import SrtpKeys
from .negotiation import DtlsRole

__all__ = ["HANDSHAKE_TIMEOUT", "MAX_DATAGRAM", "Handshake", "Keyed"]

MAX_DATAGRAM = 1200  # octets of the largest datagram we send
HANDSHAKE_TIMEOUT = 30.0
_SHORTEST_POLL = 0.005  # OpenSSL rounds what is left of its timer; do not spin on the rest


@dataclass(frozen=True, slots=True, eq=False)
class Keyed:
    """What a handshake leaves that ended well.

    Attributes:
        keys: of SRTP.
        protection: of the records that follow.
        finished: the record with the peer's Finished.
        flight: our last one.
    """

    keys: SrtpKeys
    protection: RecordProtection
    finished: Record
    flight: Flight


class Handshake:
    """A handshake that has begun. After each call, take :attr:`outgoing` out and look at :attr:`outcome`.

    Args:
        context: certificate and profiles.
        role: CLIENT sends the ClientHello, at once.
        fingerprints: any one of them must match the peer's certificate.
        now: monotonic seconds; the deadline is 30 s later.

    Attributes:
        outgoing: datagrams to send.
        outcome: None while it goes on.
    """

    __slots__ = (
        "_answered_at_seq",
        "_context",
        "_deadline",
        "_engine",
        "_fingerprints",
        "_flight",
        "_intake",
        "_last_error",
        "_poll_at",
        "_role",
        "outcome",
        "outgoing",
    )

    def __init__(self, context: DtlsContext, role: DtlsRole, fingerprints: Sequence[Fingerprint], now: float) -> None:
        self._context = context
        self._role = role
        self._fingerprints = fingerprints
        self._flight = Flight()
        self._answered_at_seq = -1
        self._last_error: DtlsError | None = None
        self._deadline = now + HANDSHAKE_TIMEOUT
        self._poll_at: float | None = None
        self.outgoing: list[bytes] = []
        self.outcome: Keyed | DtlsError | None = None
        self._begin()
        if role is DtlsRole.CLIENT:
            self._advance(None, now)

    def receive(self, record: Record, now: float) -> DropReason | None:
        """Take a record of the peer; return why it was of no use, or None."""
        intake = self._intake
        refusal = intake.admit(record)
        if refusal is not None:
            return refusal
        if intake.highest_message_seq > self._answered_at_seq:
            self._flight.settle()
        while self._intake is intake and self.outcome is None:
            ready = intake.next_record(self._engine.expects)
            if ready is None:
                break
            self._advance(ready, now)
        return None

    def repeat_flight(self, now: float) -> None:
        """Send the flight that waits for an answer once more, on a path that has just proved itself."""
        self.outgoing += self._flight.repeat(now)

    def next_timer(self) -> float:
        """Return when :meth:`handle_timer` wants to be called."""
        return min(at for at in (self._deadline, self._flight.due, self._poll_at) if at is not None)

    def handle_timer(self, now: float) -> None:
        """Repeat the flight, let OpenSSL look at its own clock, or give up, whatever is due."""
        if now >= self._deadline:
            late = DtlsError("handshake_timeout", f"no handshake within {HANDSHAKE_TIMEOUT:.0f} s")
            self.outcome = self._last_error or late
            return
        self.outgoing += self._flight.repeat_when_due(now)
        if self._poll_at is not None and now >= self._poll_at:
            self._retransmit(now)

    def _begin(self) -> None:
        self._engine = DtlsEngine(self._context, self._role, self._fingerprints, MAX_DATAGRAM)
        self._intake = HandshakeIntake(self._role)

    def _advance(self, record: Record | None, now: float) -> None:
        """Feed OpenSSL, keep what comes out as the current flight, and see whether that was all."""
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
            self.outgoing += self._flight.repeat(now)
        if engine.is_complete and record is not None:
            self._complete(record)
        else:
            self._arm_poll(now)

    def _complete(self, finished: Record) -> None:
        engine = self._engine
        if engine.profile is None or not engine.peer.is_matched:
            self._fail(DtlsError("unverified_peer", "the handshake ended without a verified peer"), b"")
            return
        self._flight.settle()
        self.outcome = Keyed(engine.export_keys(engine.profile), engine.protection(finished), finished, self._flight)

    def _retransmit(self, now: float) -> None:
        progress = self._engine.retransmit()
        if progress.error is not None:
            self._fail_step(None, progress)
            return
        if progress.output:
            datagrams = cut(progress.output, MAX_DATAGRAM)
            self._flight.replace(datagrams, now)
            self.outgoing += datagrams
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
        self.outgoing += cut(output, MAX_DATAGRAM)
        if not self._intake.awaits_hello:
            self.outcome = error
            return
        self._last_error = error
        self._begin()
        self._poll_at = None
