"""What a call's transport is like, in the words of W3C ``getStats``."""

from __future__ import annotations

from dataclasses import dataclass

from ..session.negotiation import DtlsRole
from ..session.session import Session
from ..session.session_state import SessionState
from ..wire.address import Address

__all__ = ["TransportStatistics"]

_STATES = {  # a session has one state for both: DTLS begins with the first check
    SessionState.CHECKING: ("checking", "new"),
    SessionState.HANDSHAKING: ("connected", "connecting"),
    SessionState.CONNECTED: ("connected", "connected"),
    SessionState.CLOSED: ("closed", "closed"),
}
_ROLES = {DtlsRole.CLIENT: "client", DtlsRole.SERVER: "server"}


@dataclass(frozen=True, slots=True)
class TransportStatistics:
    """The transport of one call (``transport``, and of its selected pair the ``remote-candidate``).

    Attributes:
        ice_state: ``checking``, ``connected`` or ``closed``.
        dtls_state: ``new``, ``connecting``, ``connected`` or ``closed``.
        dtls_role: ``client`` or ``server``, ours.
        srtp_cipher: name of the SRTP profile in IANA's registry; None before the handshake has ended.
        remote_address: of the client, where we send; None before its first check and after the end.
        selected_candidate_pair_changes: how often that was set or moved.
    """

    ice_state: str
    dtls_state: str
    dtls_role: str
    srtp_cipher: str | None
    remote_address: Address | None
    selected_candidate_pair_changes: int

    @classmethod
    def of(cls, session: Session, role: DtlsRole, path_changes: int) -> TransportStatistics:
        """Return those of a session as it is now."""
        ice_state, dtls_state = _STATES[session.state]
        return cls(
            ice_state,
            dtls_state,
            _ROLES[role],
            None if session.srtp is None else f"SRTP_{session.srtp.profile.name}",
            None if session.path is None else session.path.client,
            path_changes,
        )
