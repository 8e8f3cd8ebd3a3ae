"""Association: what it makes of a DTLS part that does not stay as it was."""

from __future__ import annotations

import os

from rtcsplit.drops import DropReason
from rtcsplit.errors import DtlsError, UsageError
from rtcsplit.session.association import Association
from rtcsplit.session.dcep import ChannelParameters
from rtcsplit.session.dtls_state import DtlsState
from rtcsplit.session.events import DtlsEvent, DtlsFailed, HandshakeCompleted
from rtcsplit.session.keying import SrtpKeys, SrtpProfile
from rtcsplit.session.negotiation import DataNegotiation, DtlsRole, Negotiation
from rtcsplit.session.sctp_handshake import new_init

KEYS = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, local=bytes(28), remote=bytes(28))
FAILURE = DtlsFailed(DtlsError("handshake_failed", "it failed"))


class FailingDtls:
    """Stands at once, and fails with the first record of data."""

    def __init__(self) -> None:
        self.state = DtlsState.NEW
        self.events: list[DtlsEvent] = []

    def start(self, now: float) -> None:
        self.state = DtlsState.ESTABLISHED
        self.events.append(HandshakeCompleted(KEYS))

    def send(self, data: bytes) -> None:
        if self.state is not DtlsState.ESTABLISHED:
            raise UsageError("application data needs an established association")
        self.state = DtlsState.FAILED
        self.events.append(FAILURE)

    def next_event(self) -> DtlsEvent | None:
        return self.events.pop(0) if self.events else None

    def datagrams_to_send(self, now: float) -> list[bytes]:
        return []

    def receive(self, datagram: bytes, now: float) -> DropReason | None:
        return None

    def next_timer(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        pass

    def repeat_flight(self, now: float) -> None:
        pass

    def close(self, now: float) -> None:
        pass


def test_dtls_that_fails_while_data_leaves_is_reported_and_raises_nothing() -> None:
    """Several packets wait, and the second finds nobody to carry it."""
    data = DataNegotiation("1", inits=(new_init(os.urandom), new_init(os.urandom)))
    negotiation = Negotiation(None, (), DtlsRole.CLIENT, data=data)
    association = Association(lambda role, fingerprints: FailingDtls(), negotiation, os.urandom)
    association.start(0.0)
    assert association.channels is not None
    channel_id = association.channels.open(ChannelParameters("x"))
    association.channels.send(channel_id, b"x" * 4000, 0.0)
    association.datagrams_to_send(0.0)
    assert list(iter(association.next_event, None)) == [HandshakeCompleted(KEYS), FAILURE]
