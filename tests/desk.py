"""A switchboard with its factory on virtual time: where calls of whole applications are tested without I/O."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from pathlib import Path as FilePath

from rtcsplit.drops import DropReason
from rtcsplit.gateway.echo import Echo
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.session.certificate import Certificate
from rtcsplit.session.dtls_context import DtlsContext, Fingerprint
from rtcsplit.session.negotiation import DtlsRole, IceCredentials
from rtcsplit.session.sdp import Answer, parse_offer
from rtcsplit.session.stun_refusals import StunRefusals
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.call_factory import CallFactory
from rtcsplit.transceiver.datagrams import MemoryBatch
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.switchboard import Switchboard
from rtcsplit.wire.address import Address, Path, Via
from rtcsplit.wire.packet import Kind, classify
from rtcsplit.wire.rtp import RtpPacket
from rtcsplit.wire.rtp import parse as parse_rtp

from .calls import CLIENT_CERTIFICATE
from .client_peer import ClientPeer
from .link import Network

DATA = FilePath(__file__).parent / "data"
_FINGERPRINT = b"a=fingerprint:%b" % str(CLIENT_CERTIFICATE.fingerprint).encode()
# Of a browser that has the clients' certificate.
OFFER = re.sub(rb"a=fingerprint:[^\r\n]*", _FINGERPRINT, (DATA / "chromium_audio.sdp").read_bytes())
RELAY = Address.of("203.0.113.10", 3478)
KEYS = RoutingKeys({3: bytes(range(32))}, minting=3)
ROUTE = Route(7, 9)
OPUS_20_MS = b"\xf8" + bytes(40)  # TOC: CELT, fullband, 20 ms, mono, one frame


class Desk:
    """A switchboard with its factory on a network's clock; a peer of ``tests.link``.

    Attributes:
        returned: packets that went back in their batch, without Python.
        is_batched: whether datagrams go through C as the socket's batches do, or one by one through the sessions.
    """

    is_batched = True

    def __init__(self, application: object | None = None, *, rescues_uplink: bool = False) -> None:
        settings = TransceiverSettings(Address.of("127.0.0.1", 0), advertise=(RELAY,), route=ROUTE)
        refusals = StunRefusals()
        self.board = Switchboard(
            application or Echo(),  # type: ignore[arg-type]
            refusals,
            rescues_uplink=rescues_uplink,
        )
        self.network = Network(self)
        self.factory = CallFactory(
            settings,
            KEYS,
            DtlsContext(Certificate.generate()),
            refusals=refusals,
            random=random.Random(1).randbytes,
            clock=lambda: self.network.now,
        )
        self._ports = itertools.count(50000)
        self.returned = 0
        self._batch = MemoryBatch(self.board.table)

    @property
    def drops(self) -> Counter[DropReason]:
        return self.board.drops + self._batch.drops

    def accept(self, offer: bytes = OFFER) -> tuple[Call, str]:
        call, answer = self.factory.make(offer, RELAY, is_taken=self.board.owns)
        self.board.add(call)
        return call, answer.text

    def dial(
        self,
        address: Address | None = None,
        via: Via | None = None,
        *,
        certificate: Certificate = CLIENT_CERTIFICATE,
        nominates: str = "always",
        has_nack: bool = False,
    ) -> tuple[Call, ClientPeer]:
        """Accept a browser's offer and attach a client that uses its credentials."""
        offer = OFFER
        if has_nack:
            offer = offer.replace(
                b"a=rtcp-fb:111 transport-cc\r\n", b"a=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack\r\n"
            )
        call, answer = self.accept(offer)
        client = ClientPeer(
            address or Address.of("198.51.100.7", next(self._ports)),
            local=IceCredentials(attribute(OFFER.decode(), "ice-ufrag"), attribute(OFFER.decode(), "ice-pwd")),
            remote=IceCredentials(attribute(answer, "ice-ufrag"), attribute(answer, "ice-pwd")),
            server_fingerprint=Fingerprint.parse(attribute(answer, "fingerprint")),
            role=DtlsRole.SERVER,
            certificate=certificate,
            nominates=nominates,
            now=self.network.now,
            seed=next(self._ports),
        )
        client.path = Path(client.path.client, via)
        self.network.attach(client, client.path.client)
        return call, client

    def reoffer(self, call: Call, *changes: tuple[bytes, bytes]) -> Answer:
        """Give a call its first offer again, with changes."""
        offer = OFFER
        for old, new in changes:
            assert old in offer
            offer = offer.replace(old, new)
        before = call.offers.local.ice
        answer = call.offers.answer(parse_offer(offer), lambda: self.factory.credentials(self.board.owns))
        ice = call.offers.local.ice
        self.board.renegotiate(call, answer.negotiation, self.network.now, restart=None if ice == before else ice)
        return answer

    def connect(self, *clients: ClientPeer) -> None:
        assert self.network.run_until(lambda: all(client.srtp is not None for client in clients), limit=5.0)
        self.network.run_for(0.1)

    def receive(self, datagram: bytes, path: Path, now: float) -> None:
        self.receive_batch([(datagram, path)], now)

    def receive_batch(self, batch: list[tuple[bytes, Path]], now: float) -> None:
        if self.is_batched:
            self.board.receive_batch(self._batch.open(batch, now), now)
            return
        for datagram, path in batch:
            kind = classify(datagram)
            assert isinstance(kind, Kind)
            self.board.receive(kind, datagram, path, now)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        outgoing = self.board.outgoing(now)
        if self.is_batched:
            returned = self._batch.returned()
            self.returned += len(returned)
            return returned + self._batch.seal(outgoing)
        sealed = [(octets if srtp is None else srtp.seal(octets), path) for octets, path, srtp in outgoing]
        return [(octets, path) for octets, path in sealed if octets is not None]

    def next_timer(self) -> float | None:
        return self.board.next_timer()

    def handle_timer(self, now: float) -> None:
        self.board.handle_timer(now)


def attribute(sdp: str, name: str) -> str:
    found = re.search(rf"^a={name}:(.*?)\r?$", sdp, re.MULTILINE)
    assert found
    return found.group(1)


def heard(client: ClientPeer) -> list[RtpPacket]:
    packets = [parse_rtp(packet) for packet in client.received_rtp]
    assert all(isinstance(packet, RtpPacket) for packet in packets)
    return packets  # type: ignore[return-value]
