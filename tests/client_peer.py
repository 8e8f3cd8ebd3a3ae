"""A full ICE agent with DTLS and SRTP, in memory: the browser's side of a call for tests on virtual time.

It is built from the same wire objects as the server, which makes it quick and exact but no proof of
interoperability: that is what ``tests/interop`` is for.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from rtcsplit.drops import DropReason
from rtcsplit.session.certificate import Certificate, Fingerprint
from rtcsplit.session.datachannel import DataChannels
from rtcsplit.session.dtls import DtlsEndpoint, DtlsState
from rtcsplit.session.dtls_context import DtlsContext
from rtcsplit.session.events import ChannelEvent, DataReceived, DtlsClosed, DtlsFailed, HandshakeCompleted
from rtcsplit.session.keying import SrtpProfile
from rtcsplit.session.negotiation import DataNegotiation, DtlsRole, IceCredentials
from rtcsplit.session.srtp import SrtpSession
from rtcsplit.wire import stun
from rtcsplit.wire.address import Address, Path
from rtcsplit.wire.packet import Kind, classify

ALL_PROFILES = tuple(SrtpProfile)


class ClientPeer:
    """One client.

    Args:
        address: where it sends from; see :meth:`move`.
        local: its ICE credentials.
        remote: the server's.
        server_fingerprint: as in the answer.
        role: its DTLS role, the opposite of the server's.
        nominates: ``always`` (Chromium after the first answer), ``first`` (Firefox: only the first check), ``never``.
        check_interval: seconds between checks once connected; before that, and while ICE restarts, it is 50 ms.
        data: data channels as negotiated, None for none.
    """

    def __init__(
        self,
        address: Address,
        *,
        local: IceCredentials,
        remote: IceCredentials,
        server_fingerprint: Fingerprint,
        role: DtlsRole,
        certificate: Certificate,
        profiles: Sequence[SrtpProfile] = ALL_PROFILES,
        nominates: str = "always",
        check_interval: float = 2.5,
        data: DataNegotiation | None = None,
        now: float,
        seed: int = 1,
    ) -> None:
        self.path = Path(address)
        self.local, self.remote = local, remote
        self._passwords = {remote.pwd}
        self._restarting: Path | None = None
        self.nominates = nominates
        self.check_interval = check_interval
        self.is_checking = True
        self.random = random.Random(seed)
        self.dtls = DtlsEndpoint(DtlsContext(certificate, profiles), role, (server_fingerprint,))
        self.srtp: SrtpSession | None = None
        self.channels = None if data is None else DataChannels(data, role, random=self.random.randbytes)
        self.channel_events: list[ChannelEvent] = []
        self.answers: list[stun.Message] = []
        self.errors: list[stun.Message] = []
        self.server_requests = 0
        self.received_rtp: list[bytes] = []
        self.received_rtcp: list[bytes] = []
        self.refused: list[DropReason] = []
        self.failure: DtlsFailed | None = None
        self.is_closed_by_peer = False
        self.first_answer_at: float | None = None
        self.keys_at: float | None = None
        self._checks_sent = 0
        self._has_nominated = False
        self._next_check = now
        self._outgoing: list[tuple[bytes, Path]] = []

    # what a test makes it do

    def move(self, address: Address) -> None:
        """Send from another address from now on, and check it at once, as a browser does."""
        self.path = Path(address)
        self._next_check = 0.0

    def rebind(self, address: Address) -> None:
        """Have a NAT give another address from now on: the client knows nothing of it and checks when it would."""
        self.path = Path(address)

    def restart_ice(self, address: Address, local: IceCredentials, remote: IceCredentials) -> None:
        """Check ``address`` with new credentials; media stays where it is until a nominating check is answered."""
        self.local, self.remote = local, remote
        self._passwords.add(remote.pwd)
        self._restarting = Path(address)
        self._next_check = 0.0
        self._checks_sent = 0

    def send_rtp(self, packet: bytes) -> None:
        assert self.srtp is not None
        self._outgoing.append((self.srtp.protect(packet), self.path))

    def send_rtcp(self, packet: bytes) -> None:
        assert self.srtp is not None
        self._outgoing.append((self.srtp.protect_rtcp(packet), self.path))

    def send_raw(self, datagram: bytes, path: Path | None = None) -> None:
        self._outgoing.append((datagram, path or self.path))

    def close(self, now: float) -> None:
        self.dtls.close(now)

    def check(self, *, nominate: bool = False) -> bytes:
        """Return a new authentic binding request."""
        attributes: list[tuple[int, bytes]] = [
            (stun.Attribute.USERNAME, f"{self.remote.ufrag}:{self.local.ufrag}".encode()),
            (stun.Attribute.PRIORITY, (0x6E0001FF).to_bytes(4, "big")),
            (stun.Attribute.ICE_CONTROLLING, bytes(8)),
        ]
        if nominate:
            attributes.append((stun.Attribute.USE_CANDIDATE, b""))
        return stun.build(
            stun.MessageClass.REQUEST,
            stun.BINDING,
            self.random.randbytes(12),
            attributes,
            integrity_key=self.remote.pwd.encode(),
        )

    # the peer protocol of tests.link

    def receive(self, datagram: bytes, path: Path, now: float) -> None:
        kind = classify(datagram)
        assert isinstance(kind, Kind), kind
        if kind is Kind.STUN:
            self._receive_stun(datagram, now)
        elif kind is Kind.DTLS:
            reason = self.dtls.receive(datagram, now)
            if reason is not None:
                self.refused.append(reason)
            self._follow_dtls(now)
        elif self.srtp is not None:
            self._receive_media(kind, datagram)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        outgoing, self._outgoing = self._outgoing, []
        if self.channels is not None and self.dtls.state is DtlsState.ESTABLISHED:
            for packet in self.channels.packets_to_send(now):
                self.dtls.send(packet)
        if self.first_answer_at is not None:
            outgoing += [(datagram, self.path) for datagram in self.dtls.datagrams_to_send(now)]
        return outgoing

    def next_timer(self) -> float | None:
        times = [self._next_check] if self.is_checking else []
        if self.first_answer_at is not None and (timer := self.dtls.next_timer()) is not None:
            times.append(timer)
        is_open = self.dtls.state is DtlsState.ESTABLISHED
        if self.channels is not None and is_open and (timer := self.channels.next_timer()) is not None:
            times.append(timer)
        return min(times, default=None)

    def handle_timer(self, now: float) -> None:
        if self.is_checking and now >= self._next_check:
            is_first = self._checks_sent == 0 or self._restarting is not None
            nominate = self.nominates == "always" or (self.nominates == "first" and is_first)
            self._outgoing.append((self.check(nominate=nominate), self._restarting or self.path))
            self._has_nominated = nominate
            self._checks_sent += 1
            is_settled = self.first_answer_at is not None and self._restarting is None
            self._next_check = now + (self.check_interval if is_settled else 0.05)
        self.dtls.handle_timer(now)
        if self.channels is not None:
            self.channels.handle_timer(now)
        self._follow_dtls(now)

    def _receive_stun(self, datagram: bytes, now: float) -> None:
        message = stun.parse(datagram)
        assert isinstance(message, stun.Message), message
        if message.message_class is stun.MessageClass.REQUEST:
            self.server_requests += 1
        elif message.message_class is stun.MessageClass.ERROR_RESPONSE:
            self.errors.append(message)
        elif message.message_class is stun.MessageClass.SUCCESS_RESPONSE:
            assert any(stun.verify_integrity(message, pwd.encode()) for pwd in self._passwords)
            assert stun.verify_fingerprint(message)
            self.answers.append(message)
            if self._restarting and self._has_nominated and stun.verify_integrity(message, self.remote.pwd.encode()):
                self.path, self._restarting = self._restarting, None
            if self.first_answer_at is None:
                self.first_answer_at = now
                self.dtls.start(now)

    def _receive_media(self, kind: Kind, datagram: bytes) -> None:
        assert self.srtp is not None
        unprotect = self.srtp.unprotect if kind is Kind.RTP else self.srtp.unprotect_rtcp
        packet = unprotect(datagram)
        if isinstance(packet, DropReason):
            self.refused.append(packet)
        else:
            (self.received_rtp if kind is Kind.RTP else self.received_rtcp).append(packet)

    def _follow_dtls(self, now: float) -> None:
        while (event := self.dtls.next_event()) is not None:
            match event:
                case HandshakeCompleted(keys):
                    self.srtp = SrtpSession(keys)
                    self.keys_at = now
                    if self.channels is not None:
                        self.channels.start(now)
                case DataReceived(data) if self.channels is not None:
                    reason = self.channels.receive(data, now)
                    if reason is not None:
                        self.refused.append(reason)
                case DtlsFailed():
                    self.failure = event
                case DtlsClosed():
                    self.is_closed_by_peer = True
        while self.channels is not None and (event := self.channels.next_event()) is not None:
            self.channel_events.append(event)
