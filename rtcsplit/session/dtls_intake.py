"""What of the peer's handshake may reach OpenSSL, and when.

OpenSSL gives a peer more room than a session should: 100 kB for each of ten messages that are not due yet, and up to
a hundred records of the next epoch in buffers of 16 kB each; and it answers some malformed fragments with a fatal
alert where RFC 6347 section 4.1.2.7 wants them dropped. So every fragment is checked here first against the bounds of
its message, the messages against a budget, and ChangeCipherSpec and encrypted records wait here, in their own few
octets, until OpenSSL is at the point where it wants them. With that a flight may arrive in any order.

Fragments in an encrypted record cannot be checked, and OpenSSL sets 25 kB aside for each message that such a record may
begin. The only one that honestly comes encrypted is Finished, so what is not as long is refused, and one is handed on:
a true one ends the handshake.
"""

from __future__ import annotations

from collections.abc import Callable

from ..drops import DropReason
from .dtls_alerts import CLOSE_NOTIFY, FATAL
from .dtls_records import ContentType, Fragment, HandshakeType, Record, parse_fragments
from .negotiation import DtlsRole

__all__ = ["HandshakeIntake", "may_be_finished"]

_MAX_MESSAGE = 16 * 1024  # octets that one message may declare
_MAX_BUFFERED = 32 * 1024  # octets that all messages of a handshake may declare; OpenSSL takes an eighth more
_MAX_MESSAGES = 24  # more than any handshake has
_MAX_WAITING = 8  # records of ChangeCipherSpec and of epoch 1: a flight has two, and repeats have new numbers
_FINISHED = (61, 53)  # octets of its record, encrypted: with an explicit nonce (GCM) and without (RFC 7905)
_MAX_WAITING_RECORD = max(_FINISHED)

_MESSAGES = {
    DtlsRole.SERVER: frozenset(
        {
            HandshakeType.CLIENT_HELLO,
            HandshakeType.CERTIFICATE,
            HandshakeType.CLIENT_KEY_EXCHANGE,
            HandshakeType.CERTIFICATE_VERIFY,
        }
    ),
    DtlsRole.CLIENT: frozenset(
        {
            HandshakeType.SERVER_HELLO,
            HandshakeType.HELLO_VERIFY_REQUEST,
            HandshakeType.CERTIFICATE,
            HandshakeType.SERVER_KEY_EXCHANGE,
            HandshakeType.CERTIFICATE_REQUEST,
            HandshakeType.SERVER_HELLO_DONE,
        }
    ),
}
_FIRST_MESSAGES = frozenset({HandshakeType.CLIENT_HELLO})


def may_be_finished(record: Record) -> bool:
    """Whether a record of epoch 1 is as long as an encrypted Finished."""
    return record.content_type == ContentType.HANDSHAKE and len(record.octets) in _FINISHED


class HandshakeIntake:
    """Admits the records of one handshake and hands them on in an order that OpenSSL can use.

    Attributes:
        awaits_hello: nothing but ClientHello is admitted; a server sets this back once it has answered one.
        highest_message_seq: of all admitted fragments, -1 before the first.
    """

    def __init__(self, role: DtlsRole) -> None:
        self.awaits_hello = role is DtlsRole.SERVER
        self.highest_message_seq = -1
        self._allowed = _MESSAGES[role]
        self._messages: dict[int, tuple[int, int]] = {}
        self._declared = 0
        self._ready: list[Record] = []
        self._waiting: list[Record] = []
        self._had_finished = False

    def admit(self, record: Record) -> DropReason | None:
        """Take a record in, or say why not."""
        if record.content_type == ContentType.HANDSHAKE and record.epoch == 0:
            refusal = self._admit_fragments(record)
            if refusal is None:
                self._ready.append(record)
            return refusal
        if self.awaits_hello or record.epoch > 1 or record.content_type == ContentType.APPLICATION_DATA:
            return DropReason.DTLS_REFUSED
        if record.content_type == ContentType.ALERT and record.epoch == 0:
            return self._admit_alert(record)
        if record.content_type == ContentType.CHANGE_CIPHER_SPEC and (record.epoch != 0 or record.body != b"\x01"):
            return DropReason.DTLS_MALFORMED
        return self._admit_waiting(record)

    def next_record(self, is_due: Callable[[Record], bool]) -> Record | None:
        """Return the next record for OpenSSL; ``is_due`` tells whether it wants a record that had to wait."""
        if self._ready:
            return self._ready.pop(0)
        for position in reversed(range(len(self._waiting))):  # the newest first: the others may be forged
            if is_due(self._waiting[position]):
                record = self._waiting.pop(position)
                if record.content_type == ContentType.HANDSHAKE:
                    self._had_finished = True
                    self._waiting.clear()
                return record
        return None

    def _admit_fragments(self, record: Record) -> DropReason | None:
        fragments = parse_fragments(record.body)
        if isinstance(fragments, DropReason):
            return fragments
        for fragment in fragments:
            refusal = self._refuse(fragment)
            if refusal is not None:
                return refusal
        return None

    def _refuse(self, fragment: Fragment) -> DropReason | None:
        """Count a fragment's message, or say why it may not be buffered."""
        if fragment.message_type not in (_FIRST_MESSAGES if self.awaits_hello else self._allowed):
            return DropReason.DTLS_REFUSED
        message = (fragment.message_type, fragment.message_length)
        known = self._messages.get(fragment.message_seq)
        if known is not None:
            return None if known == message else DropReason.DTLS_MALFORMED
        if fragment.message_seq >= _MAX_MESSAGES or fragment.message_length > _MAX_MESSAGE:
            return DropReason.DTLS_BUDGET
        if self._declared + fragment.message_length > _MAX_BUFFERED:
            return DropReason.DTLS_BUDGET
        self._messages[fragment.message_seq] = message
        self._declared += fragment.message_length
        self.highest_message_seq = max(self.highest_message_seq, fragment.message_seq)
        return None

    def _admit_alert(self, record: Record) -> DropReason | None:
        """Only what ends a handshake: OpenSSL gives up after some warnings, which anybody could forge."""
        body = record.body
        if len(body) != 2:
            return DropReason.DTLS_MALFORMED
        if body[0] != FATAL and body[1] != CLOSE_NOTIFY:
            return DropReason.DTLS_REFUSED
        self._ready.append(record)
        return None

    def _admit_waiting(self, record: Record) -> DropReason | None:
        """Keep the newest: forged records cannot keep the peer's repeated ones out."""
        if record.content_type == ContentType.HANDSHAKE and not may_be_finished(record):
            return DropReason.DTLS_REFUSED
        if len(record.octets) > _MAX_WAITING_RECORD or self._had_finished:
            return DropReason.DTLS_BUDGET
        if all(waiting.octets != record.octets for waiting in self._waiting):
            self._waiting = [*self._waiting[1 - _MAX_WAITING :], record]
        return None
