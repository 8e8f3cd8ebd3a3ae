"""OpenSSL's side of one association: records in, a stream of records out, and no exception on the way.

This is the one place that knows pyOpenSSL's exceptions and OpenSSL's state names. It holds no cache and no clock,
except that OpenSSL itself reads the real one for its retransmission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from OpenSSL import SSL

from .certificate import Fingerprint
from .dtls_context import DtlsContext, PeerCheck, selected_profile
from .dtls_records import ContentType, Record
from .keying import SrtpKeys, SrtpProfile
from .negotiation import DtlsRole

__all__ = ["DtlsEngine", "Progress"]

_EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 section 4.2
_READ_SIZE = 16 * 1024  # the largest plaintext of a record
_OUTPUT_SIZE = 64 * 1024

# The state after our own flight is written, in which nothing is left to negotiate ...
_ANSWERED = {DtlsRole.SERVER: b"SSLv3/TLS write server done", DtlsRole.CLIENT: b"SSLv3/TLS write finished"}
# ... the one in which ChangeCipherSpec is due, and the one in which the encrypted Finished is.
_CIPHER_CHANGE_DUE = {
    DtlsRole.SERVER: b"SSLv3/TLS read certificate verify",
    DtlsRole.CLIENT: b"SSLv3/TLS write finished",
}
_FINISHED_DUE = b"SSLv3/TLS read change cipher spec"


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step of OpenSSL brought.

    Attributes:
        output: records to send, as a stream.
        data: application data received.
        is_closed: the peer's authenticated close_notify came.
        error: why the association is dead, in OpenSSL's words; None while it lives.
    """

    output: bytes = b""
    data: tuple[bytes, ...] = ()
    is_closed: bool = False
    error: str | None = None


class DtlsEngine:
    """One SSL connection on memory BIOs.

    Attributes:
        is_complete: the handshake ended well.
        peer: the check of the peer's certificate.
    """

    def __init__(self, context: DtlsContext, role: DtlsRole, fingerprints: Sequence[Fingerprint], mtu: int) -> None:
        self.is_complete = False
        self.peer = PeerCheck(fingerprints)
        self._role = role
        self._connection = context.open(role, self.peer, mtu)

    @property
    def profile(self) -> SrtpProfile | None:
        """The SRTP profile settled on so far."""
        return selected_profile(self._connection)

    @property
    def has_answered(self) -> bool:
        """Whether our flight with the certificate has just been written."""
        return self._connection.get_state_string() == _ANSWERED[self._role]

    def expects(self, record: Record) -> bool:
        """Whether OpenSSL can use this record now: it drops a ChangeCipherSpec, or a Finished, that comes early."""
        state = self._connection.get_state_string()
        if record.content_type == ContentType.CHANGE_CIPHER_SPEC:
            return state == _CIPHER_CHANGE_DUE[self._role]
        return state == _FINISHED_DUE

    def step(self, record: Record | None = None) -> Progress:
        """Feed a record, or none to begin, and let OpenSSL work it off entirely."""
        if record is not None:
            self._connection.bio_write(record.octets)
        return self._read() if self.is_complete else self._handshake()

    def retransmission_due_in(self) -> float | None:
        """Seconds of real time until OpenSSL wants :meth:`retransmit`; None where it waits for nothing."""
        return self._connection.DTLSv1_get_timeout()

    def retransmit(self) -> Progress:
        """Let OpenSSL repeat its flight, with new record numbers, if its own timer has run out."""
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            return Progress(self._output(), error=_reason(error))
        return Progress(self._output())

    def rests(self) -> bool:
        """Return whether no handshake is under way: after one, that the peer has not begun another.

        While one is, OpenSSL neither sends nor receives anything else, though its state has the name of the end.
        """
        try:
            self._connection.do_handshake()
        except SSL.Error:
            return False
        return True

    def send(self, data: bytes) -> Progress:
        """Encrypt application data."""
        try:
            self._connection.send(data)
        except SSL.Error as error:
            return Progress(self._output(), error=_reason(error))
        return Progress(self._output())

    def close(self) -> bytes:
        """Return the record of a close_notify; the handshake must be complete."""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return b""
        return self._output()

    def export_keys(self, profile: SrtpProfile) -> SrtpKeys:
        """Return both directions' master keys and salts (RFC 5764 section 4.2)."""
        key, salt = profile.key_length, profile.salt_length
        material = self._connection.export_keying_material(_EXPORTER_LABEL, 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        is_client = self._role is DtlsRole.CLIENT
        return SrtpKeys(profile, local=client if is_client else server, remote=server if is_client else client)

    def _handshake(self) -> Progress:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return Progress(self._output())
        except SSL.Error as error:
            return Progress(self._output(), error=_reason(error))
        self.is_complete = True
        return Progress(self._output())

    def _read(self) -> Progress:
        data: list[bytes] = []
        try:
            while True:
                data.append(self._connection.recv(_READ_SIZE))
        except SSL.WantReadError:
            return Progress(self._output(), tuple(data))
        except SSL.ZeroReturnError:
            return Progress(self._output(), tuple(data), is_closed=True)
        except SSL.Error as error:
            return Progress(self._output(), tuple(data), error=_reason(error))

    def _output(self) -> bytes:
        output = b""
        while True:
            try:
                output += self._connection.bio_read(_OUTPUT_SIZE)
            except SSL.Error:
                return output


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words for it: pyOpenSSL's errors carry (library, function, reason) triples, or a number and a text."""
    if isinstance(error, SSL.ZeroReturnError):
        return "close_notify"
    if error.args and isinstance(error.args[0], list):
        return "; ".join(str(entry[-1]) for entry in error.args[0])
    return str(error) or type(error).__name__
