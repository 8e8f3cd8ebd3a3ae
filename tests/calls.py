"""Calls in memory: a session of ours and a client on a virtual link, without SDP and without sockets."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rtcsplit.drops import DropReason
from rtcsplit.session.certificate import Certificate
from rtcsplit.session.dtls_context import DtlsContext
from rtcsplit.session.events import SessionEvent
from rtcsplit.session.keying import SrtpProfile
from rtcsplit.session.negotiation import DataNegotiation, DtlsRole, IceCredentials, Negotiation
from rtcsplit.session.session import Session
from rtcsplit.session.session_state import SessionState
from rtcsplit.session.stun_refusals import StunRefusals
from rtcsplit.wire.address import Address, Path

from .batched import BatchedSession, Outcome
from .client_peer import ALL_PROFILES, ClientPeer
from .link import Conditions, Network

SERVER_ICE = IceCredentials("EIlD5iIAAAAAAO/Rzi8+w8ug", "serverpasswordserver1234")
CLIENT_ICE = IceCredentials("cli1", "clientpasswordclient1234")
SERVER_CERTIFICATE = Certificate.generate()
CLIENT_CERTIFICATE = Certificate.generate()
CLIENT_ADDRESS = Address.of("198.51.100.7", 50000)
OTHER_ADDRESS = Address.of("198.51.100.7", 50001)
STRANGER = Address.of("203.0.113.66", 6666)

Event = TypeVar("Event")


class ServerPeer:
    """A session that keeps its events and counts its drops, as the transceiver would.

    Attributes:
        is_batched: whether its datagrams take the way of a transceiver's batches, or that of a loop of one's own.
    """

    is_batched = False

    def __init__(self, session: Session) -> None:
        self.session = session
        self.events: list[SessionEvent] = []
        self.drops: Counter[DropReason] = Counter()
        self._batched = BatchedSession(session)

    def receive(self, datagram: bytes, path: Path, now: float) -> DropReason | None:
        [reason] = self.receive_batch([(datagram, path)], now)
        return reason

    def receive_batch(self, batch: list[tuple[bytes, Path]], now: float) -> list[DropReason | None]:
        reasons = []
        for reason, events in self._batched.receive(batch, now) if self.is_batched else self._one_by_one(batch, now):
            if reason is not None:
                self.drops[reason] += 1
            self._follow()
            self.events += events
            reasons.append(reason)
        return reasons

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        datagrams = self._batched.seal(now) if self.is_batched else self.session.datagrams_to_send(now)
        self._follow()
        return datagrams

    def next_timer(self) -> float | None:
        return self.session.next_timer()

    def handle_timer(self, now: float) -> None:
        self.session.handle_timer(now)
        self._follow()

    def of_type(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def _one_by_one(self, batch: list[tuple[bytes, Path]], now: float) -> Iterator[Outcome]:
        for datagram, path in batch:
            yield self.session.receive(datagram, path, now), []

    def _follow(self) -> None:
        while (event := self.session.next_event()) is not None:
            self.events.append(event)
            self._batched.follow(event)


@dataclass
class VirtualCall:
    """Both ends and the link between them."""

    network: Network
    server: ServerPeer
    client: ClientPeer

    @property
    def is_connected(self) -> bool:
        return self.server.session.state is SessionState.CONNECTED and self.client.srtp is not None

    def connect(self, limit: float = 30.0) -> None:
        assert self.network.run_until(lambda: self.is_connected, limit=limit), self.server.session.state


def virtual_call(
    *,
    server_role: DtlsRole = DtlsRole.CLIENT,
    conditions: Conditions | None = None,
    server_profiles: Sequence[SrtpProfile] = ALL_PROFILES,
    client_profiles: Sequence[SrtpProfile] = ALL_PROFILES,
    nominates: str = "always",
    check_interval: float = 2.5,
    certificate: Certificate = CLIENT_CERTIFICATE,
    seed: int = 1,
    server_data: DataNegotiation | None = None,
    client_data: DataNegotiation | None = None,
) -> VirtualCall:
    """Return a call that has not begun."""
    start = 1000.0
    session = Session(
        SERVER_ICE,
        Negotiation(CLIENT_ICE, (CLIENT_CERTIFICATE.fingerprint,), server_role, data=server_data),
        dtls_context=DtlsContext(SERVER_CERTIFICATE, server_profiles),
        refusals=StunRefusals(),
        random=random.Random(seed).randbytes,
        now=start,
    )
    server = ServerPeer(session)
    network = Network(server, conditions, seed=seed, start=start)
    client = ClientPeer(
        CLIENT_ADDRESS,
        local=CLIENT_ICE,
        remote=SERVER_ICE,
        server_fingerprint=SERVER_CERTIFICATE.fingerprint,
        role=DtlsRole.SERVER if server_role is DtlsRole.CLIENT else DtlsRole.CLIENT,
        certificate=certificate,
        profiles=client_profiles,
        nominates=nominates,
        check_interval=check_interval,
        data=client_data,
        now=start,
        seed=seed,
    )
    network.attach(client, CLIENT_ADDRESS)
    return VirtualCall(network, server, client)


def rtp(sequence_number: int, payload: bytes = b"audio", *, ssrc: int = 0x1234, payload_type: int = 111) -> bytes:
    """A plain RTP packet, 20 ms after the one before."""
    header = bytes([0x80, payload_type]) + (sequence_number & 0xFFFF).to_bytes(2, "big")
    return header + (960 * sequence_number & 0xFFFFFFFF).to_bytes(4, "big") + ssrc.to_bytes(4, "big") + payload
