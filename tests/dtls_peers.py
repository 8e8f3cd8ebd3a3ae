"""Peers and a link for the DTLS tests: a pyOpenSSL connection driven directly, and datagrams lost on virtual time.

Nothing here uses rtcsplit's code except the endpoint under test and the certificate.
"""

from __future__ import annotations

import datetime
import functools
import heapq
import hmac
import itertools
import random
from collections.abc import Collection, Iterator, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from rtcsplit.session.certificate import Certificate, Fingerprint
from rtcsplit.session.dtls import DtlsEndpoint
from rtcsplit.session.dtls_context import DtlsContext
from rtcsplit.session.events import DtlsEvent
from rtcsplit.session.keying import SrtpProfile
from rtcsplit.session.negotiation import DtlsRole

PROFILE_NAMES = {
    SrtpProfile.AES128_CM_HMAC_SHA1_80: b"SRTP_AES128_CM_SHA1_80",
    SrtpProfile.AEAD_AES_128_GCM: b"SRTP_AEAD_AES_128_GCM",
    SrtpProfile.AEAD_AES_256_GCM: b"SRTP_AEAD_AES_256_GCM",
}
ALL_PROFILES = b":".join(PROFILE_NAMES.values())


@functools.cache
def our_certificate() -> Certificate:
    return Certificate.generate()


@functools.cache
def our_context() -> DtlsContext:
    return DtlsContext(our_certificate())


@functools.cache
def peer_certificate(kind: str = "ecdsa") -> Certificate:
    """A certificate of ``ecdsa``, ``rsa``, or ``large``: one whose DER has about 4 kB."""
    if kind == "ecdsa":
        return Certificate.generate()
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, kind)])
    start = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start)
    builder = builder.not_valid_after(start + datetime.timedelta(days=3650))
    if kind == "large":
        names = [x509.DNSName(f"{n:04}.{'x' * 40}.invalid") for n in range(70)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Certificate(builder.sign(key, hashes.SHA256()), key)


def records_of(datagram: bytes) -> list[bytes]:
    """Split at record headers; whatever is left over comes last."""
    records, position = [], 0
    while position < len(datagram):
        end = position + 13 + int.from_bytes(datagram[position + 11 : position + 13], "big")
        records.append(datagram[position:end])
        position = end
    return records


def describe(datagram: bytes) -> list[tuple[int, int]]:
    """(content type, epoch) of each record."""
    return [(record[0], int.from_bytes(record[3:5], "big")) for record in records_of(datagram)]


def alerts_of(datagrams: list[bytes]) -> list[tuple[int, int]]:
    """(level, description) of the alerts in the clear."""
    records = itertools.chain.from_iterable(records_of(datagram) for datagram in datagrams)
    return [(r[13], r[14]) for r in records if r[0] == 21 and r[3:5] == b"\0\0"]


def hash_of(algorithm: str) -> hashes.HashAlgorithm:
    return {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}[algorithm]


def record(
    body: bytes = b"x", *, content_type: int = 22, version: int = 0xFEFD, epoch: int = 0, number: int = 0
) -> bytes:
    header = bytes([content_type]) + version.to_bytes(2, "big") + epoch.to_bytes(2, "big") + number.to_bytes(6, "big")
    return header + len(body).to_bytes(2, "big") + body


def fragment(
    data: bytes = b"", *, message_type: int = 1, total: int | None = None, seq: int = 0, offset: int = 0,
    length: int | None = None,
) -> bytes:  # fmt: skip
    """A handshake fragment; total and length as claimed, by default the truth."""
    total = len(data) if total is None else total
    length = len(data) if length is None else length
    header = bytes([message_type]) + total.to_bytes(3, "big") + seq.to_bytes(2, "big")
    return header + offset.to_bytes(3, "big") + length.to_bytes(3, "big") + data


def renumbered(datagram: bytes, offset: int) -> bytes:
    """Records in the clear, their sequence numbers moved: nothing authenticates those."""
    return b"".join(
        r[:5] + (int.from_bytes(r[5:11], "big") + offset).to_bytes(6, "big") + r[11:] if r[3:5] == b"\0\0" else r
        for r in records_of(datagram)
    )


def reassemble(datagrams: list[bytes]) -> bytes:
    """One handshake message, header included, from its fragments in order."""
    records = [record for datagram in datagrams for record in records_of(datagram)]
    return records[0][13:25] + b"".join(record[25:] for record in records)


def with_certificate(datagram: bytes, certificate: Certificate) -> bytes:
    """A Certificate message in one record, with another certificate in it."""
    der = certificate.der
    chain = (len(der) + 3).to_bytes(3, "big") + len(der).to_bytes(3, "big") + der
    length = len(chain).to_bytes(3, "big")
    message = datagram[13:14] + length + datagram[17:19] + bytes(3) + length + chain
    return record(message, number=int.from_bytes(datagram[5:11], "big"))


def _prf_sha256(secret: bytes, seed: bytes, length: int) -> bytes:
    """RFC 5246 section 5."""
    block, octets = seed, b""
    while len(octets) < length:
        block = hmac.digest(secret, block, "sha256")
        octets += hmac.digest(secret, block + seed, "sha256")
    return octets[:length]


class Peer:
    """OpenSSL on memory BIOs, whole datagrams in, whole datagrams out."""

    def __init__(
        self,
        role: DtlsRole,
        certificate: Certificate | None = None,
        *,
        profiles: bytes = ALL_PROFILES,
        ciphers: bytes | None = None,
        version: int = 0xFEFD,
        has_certificate: bool = True,
        mtu: int = 1200,
        cookie: bytes = b"",
        alpn: Sequence[bytes] = (),
    ) -> None:
        self.certificate = certificate or peer_certificate()
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET)
        if ciphers is not None:
            context.set_cipher_list(ciphers)
        if has_certificate:
            context.use_certificate(self.certificate.x509)
            context.use_privatekey(self.certificate.private_key)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        if cookie:
            context.set_options(SSL.OP_COOKIE_EXCHANGE)
            context.set_cookie_generate_callback(lambda _: cookie)
            context.set_cookie_verify_callback(lambda _, returned: returned == cookie)
        if alpn:
            context.set_alpn_protos(list(alpn))
        if profiles:
            context.set_tlsext_use_srtp(profiles)
        self.connection = SSL.Connection(context)
        self.connection.set_ciphertext_mtu(mtu)
        self._is_client = role is DtlsRole.CLIENT
        self._sealed = 1 << 16
        self.is_complete = False
        self.error: SSL.Error | None = None
        self.received: list[bytes] = []
        if role is DtlsRole.CLIENT:
            self.connection.set_connect_state()
        else:
            self.connection.set_accept_state()

    def start(self) -> list[bytes]:
        return self._drive()

    def receive(self, datagram: bytes) -> list[bytes]:
        if not datagram:
            return []
        self.connection.bio_write(datagram)
        return self._drive()

    def send(self, data: bytes) -> bytes:
        self.connection.send(data)
        (datagram,) = self.flush()
        return datagram

    def retransmit(self) -> list[bytes]:
        self.connection.DTLSv1_handle_timeout()
        return self.flush()

    def close(self) -> bytes:
        self.connection.shutdown()
        (datagram,) = self.flush()
        return datagram

    def sealed(self, body: bytes, *, content_type: int = 22) -> bytes:
        """Any octets as an authentic record of epoch 1 (AES-128-GCM; RFC 5246 section 6.3, RFC 5288 section 3)."""
        master = self.connection.master_key()
        servers, clients = self.connection.server_random(), self.connection.client_random()
        assert master is not None
        assert servers is not None
        assert clients is not None
        keys = _prf_sha256(master, b"key expansion" + servers + clients, 40)
        key, salt = (keys[:16], keys[32:36]) if self._is_client else (keys[16:32], keys[36:40])
        self._sealed += 1
        number = (1 << 48 | self._sealed).to_bytes(8, "big")
        head = bytes([content_type, 0xFE, 0xFD])
        sealed = AESGCM(key).encrypt(salt + number, body, number + head + len(body).to_bytes(2, "big"))
        return head + number + (8 + len(sealed)).to_bytes(2, "big") + number + sealed

    def export(self, length: int) -> bytes:
        return self.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", length)

    def _drive(self) -> list[bytes]:
        try:
            if not self.is_complete:
                self.connection.do_handshake()
                self.is_complete = True
            while True:
                self.received.append(self.connection.recv(4096))
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            self.error = error
        return self.flush()

    def flush(self) -> list[bytes]:
        """One record a datagram: the hardest case for a receiver that needs order."""
        try:
            return records_of(self.connection.bio_read(65536))
        except SSL.Error:
            return []


def endpoint(
    role: DtlsRole, *peers: Certificate | Fingerprint, context: DtlsContext | None = None, now: float = 0.0
) -> DtlsEndpoint:
    """A started endpoint that expects one of ``peers``, or the usual peer."""
    known = [peer if isinstance(peer, Fingerprint) else peer.fingerprint for peer in peers or (peer_certificate(),)]
    made = DtlsEndpoint(context or our_context(), role, known)
    made.start(now)
    return made


def events_of(made: DtlsEndpoint) -> list[DtlsEvent]:
    return list(iter(made.next_event, None))


def other(role: DtlsRole) -> DtlsRole:
    return DtlsRole.SERVER if role is DtlsRole.CLIENT else DtlsRole.CLIENT


def exchange(ours: DtlsEndpoint, peer: Peer, to_ours: list[bytes], now: float = 0.0) -> Iterator[bytes]:
    """Carry datagrams both ways until nothing is left; yields what we sent."""
    while True:
        for datagram in to_ours:
            ours.receive(datagram, now)
        sent = ours.datagrams_to_send(now)
        yield from sent
        to_ours = [answer for datagram in sent for answer in peer.receive(datagram)]
        if not sent and not to_ours:
            return


def connect(ours: DtlsEndpoint, peer: Peer, now: float = 0.0) -> list[bytes]:
    """Run a handshake without loss; returns all that we sent."""
    return list(exchange(ours, peer, peer.start() if ours.role is DtlsRole.SERVER else [], now))


def established(role: DtlsRole) -> tuple[DtlsEndpoint, Peer, list[DtlsEvent]]:
    """An association that stands."""
    peer = Peer(other(role))
    ours = endpoint(role, peer.certificate)
    connect(ours, peer)
    return ours, peer, events_of(ours)


class Network:
    """Two endpoints, a link with loss, delay, reordering and duplication, and a clock that jumps to what is next."""

    def __init__(self, left: DtlsEndpoint, right: DtlsEndpoint, *, seed: int = 0, loss: float = 0.0,
                 delay: float = 0.02, jitter: float = 0.0, duplicates: float = 0.0,
                 lost: Collection[int] = ()) -> None:  # fmt: skip
        self.now = 0.0
        self.ends = (left, right)
        self.sent: list[tuple[float, int, bytes]] = []
        self.events: tuple[list[DtlsEvent], list[DtlsEvent]] = ([], [])
        self._lost = lost
        self._random = random.Random(seed)
        self._loss, self._delay, self._jitter, self._duplicates = loss, delay, jitter, duplicates
        self._in_flight: list[tuple[float, int, int, bytes]] = []
        self._order = itertools.count()

    def run(self, until: float) -> None:
        """Advance the earliest event until both are established, nothing is left, or time is up."""
        self._collect()
        while not all(end.state.name == "ESTABLISHED" for end in self.ends):
            timers = [end.next_timer() for end in self.ends]
            times = [t for t in (*timers, self._in_flight[0][0] if self._in_flight else None) if t is not None]
            if not times or min(times) > until:
                return
            self.now = max(self.now, min(times))
            self._step(timers)
            self._collect()

    def _step(self, timers: list[float | None]) -> None:
        if self._in_flight and self._in_flight[0][0] <= self.now:
            _, _, to, datagram = heapq.heappop(self._in_flight)
            self.ends[to].receive(datagram, self.now)
            return
        for end, timer in zip(self.ends, timers, strict=True):
            if timer is not None and timer <= self.now:
                end.handle_timer(self.now)

    def _collect(self) -> None:
        for index, end in enumerate(self.ends):
            self.events[index].extend(events_of(end))
            for datagram in end.datagrams_to_send(self.now):
                is_lost = len(self.sent) in self._lost
                self.sent.append((self.now, index, datagram))
                if is_lost:
                    continue
                copies = 1 + (self._random.random() < self._duplicates)
                for _ in range(copies):
                    if self._random.random() >= self._loss:
                        arrival = self.now + self._delay + self._random.uniform(0, self._jitter)
                        heapq.heappush(self._in_flight, (arrival, next(self._order), 1 - index, datagram))
