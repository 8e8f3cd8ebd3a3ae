"""ICE-lite, one session's side of it (RFC 8445 sections 2.5, 7.3, 11; consent of RFC 7675 seen from the answering end).

:class:`IceLite` answers the checks of a full agent, says where to send, and ends when the peer stops asking. It has
no candidates, sends no checks and keeps no pairs. What a datagram means is :mod:`.ice_check`'s, where to send is
:mod:`.ice_path`'s, what was seen before is :mod:`.ice_transactions`', what a restart replaces :mod:`.ice_generations`'.

Sans-IO: after each call that changes the object, empty ``datagrams_to_send`` and ``next_event`` and ask for
``next_timer`` before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..drops import DropReason
from ..errors import UsageError
from ..wire import stun
from ..wire.address import Address, Path
from ..wire.stun import BINDING, Attribute, MessageClass
from ..wire.stun_values import encode_error_code, encode_unknown_attributes, encode_xor_mapped_address
from .events import ConsentExpired, IceEvent, IceRestarted, PathCause, PathChanged, UfragRetired
from .ice_check import Check, Refusal, read_check
from .ice_generations import Generation, Generations
from .ice_path import PathSelection
from .ice_state import State, Trigger
from .ice_transactions import Sighting
from .negotiation import IceCredentials
from .stun_refusals import StunRefusals

__all__ = ["IceLite"]

# RFC 7675 section 5.1; the same time is given for a first check.
_CONSENT = 30.0
# RFC 8445 section 11, Tr.
_KEEPALIVE = 15.0
_TRANSACTION_ID_LENGTH = 12


class IceLite:
    """The lite agent of one session.

    Args:
        local: our credentials, as in the answer.
        remote: the peer's, None while they are not known.
        refusals: the process's answers to strangers.
        random: returns that many random octets.
        now: monotonic seconds; a first check is waited for until 30 s after it.

    Attributes:
        is_authenticated: whether DTLS and SRTP may be taken from an address, which is one of :attr:`clients` then.
        fresh_checks: how many checks of the running credentials or of the next ones have come for the first time.
    """

    __slots__ = (
        "_consent_until",
        "_events",
        "_generations",
        "_outbox",
        "_random",
        "_refusals",
        "_selection",
        "_sent_at",
        "fresh_checks",
        "is_authenticated",
    )

    def __init__(
        self,
        local: IceCredentials,
        remote: IceCredentials | None,
        refusals: StunRefusals,
        random: Callable[[int], bytes],
        now: float,
    ) -> None:
        self._generations = Generations(local, remote, random)
        self._refusals = refusals
        self._random = random
        self._selection = PathSelection()
        self.is_authenticated = self._selection.is_authenticated
        self.fresh_checks = 0
        self._consent_until = now + _CONSENT
        self._sent_at = now
        self._outbox: list[tuple[bytes, Path]] = []
        self._events: list[IceEvent] = []

    @property
    def state(self) -> State:
        """Where the agent stands, see :class:`.ice_state.State`."""
        return self._selection.state

    @property
    def path(self) -> Path | None:
        """Where to send DTLS and media; None before the first authenticated check and after the end.

        Its ``via`` follows the latest authentic datagram of the selected tuple, without an event.
        """
        return self._selection.path

    @property
    def clients(self) -> tuple[Address, ...]:
        """The tuples that had an authenticated, fresh check; at most 16, oldest check first."""
        return self._selection.clients

    @property
    def forgotten(self) -> Address | None:
        """Which of the tuples the latest fresh check pushed out, None for none."""
        return self._selection.forgotten

    @property
    def has_waiting(self) -> bool:
        """Whether the path moves once it falls silent, so that every packet has to be noted when it comes."""
        return self._selection.has_waiting

    def is_silent(self, now: float) -> bool:
        """Whether nothing authentic came from :attr:`path` for so long that it may be given up."""
        return self._selection.is_silent(now)

    def receive(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        """Take a datagram of the STUN range; any octets are fine.

        Returns:
            None for an authenticated check, which is answered on the very path it came through (RFC 8445 section
            7.3); else why it was dropped or refused, and then nothing has changed.
        """
        if self.state is State.CLOSED:
            return DropReason.SESSION_CLOSED
        generation = self._generations.of(datagram)
        verdict = read_check(datagram, generation.local, generation.remote, generation.number)
        if isinstance(verdict, Check):
            self._take(verdict, generation, path, now)
            return None
        if isinstance(verdict, Refusal):
            self._refuse(verdict, generation, datagram, path, now)
            return verdict.reason
        return verdict

    def note_authenticated_media(self, path: Path, now: float) -> bool:
        """Take note of SRTP that authenticated and was no replay: it keeps its tuple alive and moves ``via``.

        Returns:
            Whether it may have moved the path, which an event tells, or brought :meth:`next_timer` nearer.
        """
        cause = self._selection.media(path, now)
        if cause is None:
            return self._selection.has_waiting
        self._report(cause, now)
        return True

    def note_authenticated_rtcp(self, path: Path, now: float) -> None:
        """As for media, but sparse: RTCP alone does not make 600 ms of quiet a sign of a lost tuple."""
        self._selection.heard(path, now)

    def note_sent(self, now: float) -> None:
        """Take note that something other than STUN went to :attr:`path`, so that no keepalive is due."""
        self._sent_at = now

    def handshake_ended(self, now: float) -> None:
        """The DTLS handshake is complete: from now on only nomination and silence move the path."""
        self._selection.handshake_ended(now)

    def restart(self, local: IceCredentials, remote: IceCredentials) -> None:
        """Restart ICE (RFC 8445 section 9): answer to new credentials beside those that run.

        Path, consent and tuples stay. :class:`IceRestarted` says that the path is the new credentials', and 3 s later
        :class:`UfragRetired` that those before are refused. A further restart replaces one that has not come so far.

        Raises:
            UsageError: closed, or a ufrag that is in use; nothing has changed.
        """
        if self.state is State.CLOSED:
            raise UsageError("a closed agent does not restart")
        self._retire(self._generations.restart(local, remote))

    def close(self) -> None:
        """End without an event: nothing is sent or taken any more (RFC 7675 section 5.2). Idempotent."""
        self._end(Trigger.ENDED)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        """Return what is to be sent, and forget it."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def next_event(self) -> IceEvent | None:
        """Return the oldest event not yet returned, None if there is none."""
        return self._events.pop(0) if self._events else None

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; None after the end."""
        if self._selection.state is State.CLOSED:
            return None
        timer = self._consent_until
        if self._selection.path is not None:
            timer = min(timer, self._sent_at + _KEEPALIVE)
        for other in (self._selection.next_timer(), self._generations.next_timer()):
            if other is not None:
                timer = min(timer, other)
        return timer

    def handle_timer(self, now: float) -> None:
        """Do what is due by ``now``; harmless when nothing is."""
        if self.state is State.CLOSED:
            return
        if now >= self._consent_until:
            was_connected = self.path is not None
            self._end(Trigger.EXPIRED)
            self._events.append(ConsentExpired(was_connected))
            return
        self._retire(self._generations.expire(now))
        self._report(self._selection.handle_timer(now), now)
        if self.path is not None and now >= self._sent_at + _KEEPALIVE:
            self._outbox.append((self._keepalive(), self.path))
            self._sent_at = now

    def _take(self, check: Check, generation: Generation, path: Path, now: float) -> None:
        self._outbox.append((self._answer(check, generation, path.client), path))
        if check.generation < self._generations.running.number:
            return  # it was under way when ICE restarted
        sighting = generation.transactions.see(check.transaction_id)
        if sighting is Sighting.REPEATED:
            return  # a retransmission needs its answer again, a replay may have one: neither proves anything new
        self._consent_until = now + _CONSENT
        if sighting is Sighting.FRESH:
            self.fresh_checks += 1
            self._report(self._selection.check(check, path, now), now)
        else:
            self._selection.heard(path, now)

    def _refuse(self, refusal: Refusal, generation: Generation, datagram: bytes, path: Path, now: float) -> None:
        if refusal.is_authenticated:
            self._outbox.append((self._authenticated_error(refusal, generation), path))
            return
        answer = self._refusals.refuse(datagram, refusal.code, path, now)
        if answer is not None:
            self._outbox.append(answer)

    def _report(self, cause: PathCause | None, now: float) -> None:
        if cause is not None and self.path is not None:
            self._sent_at = now
            self._events.append(PathChanged(self.path, cause))
        has_taken_over, forgotten = self._generations.take_over(self._selection.generation, now)
        if has_taken_over:
            self._events.append(IceRestarted(self._generations.running.local.ufrag))
        self._retire(forgotten)

    def _retire(self, ufrag: str | None) -> None:
        if ufrag is not None:
            self._events.append(UfragRetired(ufrag))

    def _end(self, trigger: Trigger) -> None:
        self._selection.end(trigger)
        self._outbox.clear()

    def _answer(self, check: Check, generation: Generation, client: Address) -> bytes:
        mapped = (Attribute.XOR_MAPPED_ADDRESS, encode_xor_mapped_address(client, check.transaction_id))
        return _respond(MessageClass.SUCCESS_RESPONSE, generation, check.transaction_id, [mapped])

    def _authenticated_error(self, refusal: Refusal, generation: Generation) -> bytes:
        attributes = [(Attribute.ERROR_CODE, encode_error_code(refusal.code))]
        if refusal.unknown:
            attributes.append((Attribute.UNKNOWN_ATTRIBUTES, encode_unknown_attributes(refusal.unknown)))
        return _respond(MessageClass.ERROR_RESPONSE, generation, refusal.transaction_id, attributes)

    def _keepalive(self) -> bytes:
        return stun.build(MessageClass.INDICATION, BINDING, self._random(_TRANSACTION_ID_LENGTH))


def _respond(
    message_class: MessageClass,
    generation: Generation,
    transaction_id: bytes,
    attributes: Sequence[tuple[int, bytes]],
) -> bytes:
    key = generation.local.pwd.encode()
    return stun.build(message_class, BINDING, transaction_id, attributes, integrity_key=key)
