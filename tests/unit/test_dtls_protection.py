"""Records after the handshake: OpenSSL's numbers and keys are gone on with, and its connection is freed (D13, D17)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
from OpenSSL import SSL

from rtcsplit.drops import DropReason
from rtcsplit.session.dtls import DtlsEndpoint
from rtcsplit.session.dtls_context import DtlsContext
from rtcsplit.session.dtls_protection import SUITES, RecordProtection, Secrets
from rtcsplit.session.dtls_records import Record, parse_records
from rtcsplit.session.dtls_state import DtlsState
from rtcsplit.session.events import DataReceived, DtlsFailed, HandshakeCompleted
from rtcsplit.session.negotiation import DtlsRole
from tests.dtls_peers import (
    Network,
    Peer,
    build_record,
    connect,
    describe,
    endpoint,
    established,
    events_of,
    other,
    our_certificate,
    peer_certificate,
)

both_roles = pytest.mark.parametrize("role", DtlsRole, ids=lambda r: r.name.lower())
ALERT, HANDSHAKE, DATA = 21, 22, 23  # content types


def pair(suite: str = "ECDHE-ECDSA-AES128-GCM-SHA256", explicit: int = 7) -> tuple[RecordProtection, RecordProtection]:
    """Both ends of an association whose handshakes ended with records 0."""
    secrets = Secrets(suite, bytes(range(48)), b"c" * 32, b"s" * 32)
    last = parse_records(build_record(explicit.to_bytes(8, "big") + bytes(32), 0, epoch=1))
    assert isinstance(last, list)
    client, server = (RecordProtection(secrets, role, last[0], last[0]) for role in (DtlsRole.CLIENT, DtlsRole.SERVER))
    return client, server


def record_of(octets: bytes) -> Record:
    parsed = parse_records(octets)
    assert isinstance(parsed, list)
    return parsed[0]


@both_roles
@pytest.mark.parametrize("suite", SUITES)
def test_data_passes_both_ways_with_every_suite(role: DtlsRole, suite: str) -> None:
    """D3: OpenSSL opens what we seal, and we what it seals. A suite is about the server's certificate."""
    kind = "rsa" if "-RSA-" in suite else "ecdsa"
    if role is DtlsRole.SERVER and kind == "rsa":
        pytest.skip("our own certificate is of ECDSA")
    peer = Peer(other(role), peer_certificate(kind), ciphers=suite.encode())
    ours = endpoint(role, peer.certificate)
    connect(ours, peer)
    assert peer.connection.get_cipher_name() == suite
    assert [type(event) for event in events_of(ours)] == [HandshakeCompleted]
    for text in (b"one", b"two"):
        assert ours.receive(peer.send(text), 1.0) is None
        ours.send(text)
    assert events_of(ours) == [DataReceived(b"one"), DataReceived(b"two")]
    for datagram in ours.datagrams_to_send(1.0):
        peer.receive(datagram)
    assert peer.received == [b"one", b"two"]


@both_roles
def test_openssls_connection_goes_with_the_handshake(role: DtlsRole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seventy kB of each session."""
    made: list[weakref.ref[SSL.Connection]] = []
    open_ = DtlsContext.open

    def opened(*arguments: object) -> SSL.Connection:
        connection = open_(*arguments)  # type: ignore[arg-type]
        made.append(weakref.ref(connection))
        return connection

    monkeypatch.setattr(DtlsContext, "open", opened)
    gc.disable()
    try:
        ours, _, _ = established(role)
        assert ours.state is DtlsState.ESTABLISHED
        assert [reference() for reference in made] == [None]
    finally:
        gc.enable()


@pytest.mark.parametrize("suite", SUITES)
def test_numbers_go_on_where_openssl_stopped(suite: str) -> None:
    """A nonce that came twice under one key would give an AEAD's key away (RFC 5288 section 3)."""
    client, server = pair(suite, explicit=2**64 - 2)
    sealed = [record_of(client.seal(DATA, b"x")) for _ in range(3)]
    assert [record.sequence_number for record in sealed] == [1, 2, 3]
    if SUITES[suite].explicit_length:
        assert [int.from_bytes(record.body[:8], "big") for record in sealed] == [2**64 - 1, 0, 1]
    assert [server.open(record) for record in sealed] == [b"x"] * 3


@pytest.mark.parametrize("order", [reversed, lambda numbers: numbers], ids=["backwards", "forwards"])
def test_each_record_is_taken_once_within_a_window_of_64(order: Callable[[range], range]) -> None:
    """D17."""
    client, server = pair()
    sealed = [record_of(client.seal(DATA, bytes([number]))) for number in range(64)]
    for number in order(range(64)):
        assert server.open(sealed[number]) == bytes([number])
        assert server.open(sealed[number]) is None
    assert [server.open(record) for record in sealed] == [None] * 64


def test_what_is_behind_the_window_is_refused() -> None:
    """D17: also what never came, for nobody can tell."""
    client, server = pair()
    late, *_, newest = [record_of(client.seal(DATA, b"x")) for _ in range(65)]
    assert server.open(newest) == b"x"
    assert server.open(late) is None
    far = [record_of(client.seal(DATA, b"y")) for _ in range(200)][-1]
    assert server.open(far) == b"y"
    assert server.open(newest) is None


@pytest.mark.parametrize("suite", SUITES)
def test_one_changed_bit_is_enough_to_refuse_a_record(suite: str) -> None:
    """D16: header and body; the true one is taken afterwards."""
    client, server = pair(suite)
    octets = client.seal(DATA, b"data")
    for position in (0, 4, 10, *range(13, len(octets))):
        changed = bytearray(octets)
        changed[position] ^= 1
        record = parse_records(bytes(changed))
        assert isinstance(record, DropReason) or server.open(record[0]) is None
    assert server.open(record_of(octets)) == b"data"


def test_records_too_short_for_their_tag_are_refused() -> None:
    _, server = pair()
    assert [server.open(record_of(build_record(bytes(n), 9, DATA, epoch=1))) for n in range(1, 26)] == [None] * 25


def sealed_by(sender: DtlsEndpoint, content_type: int, plaintext: bytes) -> bytes:
    """What the endpoint itself has no reason to send."""
    assert sender._protection is not None
    return sender._protection.seal(content_type, plaintext)


@pytest.fixture
def ends() -> tuple[DtlsEndpoint, DtlsEndpoint]:
    """A client and a server whose handshake ended well."""
    certificate = our_certificate()
    client, server = (endpoint(role, certificate) for role in (DtlsRole.CLIENT, DtlsRole.SERVER))
    network = Network(client, server)
    network.run(5.0)
    assert client.state is server.state is DtlsState.ESTABLISHED
    return client, server


def test_fatal_alert_of_the_peer_is_named(ends: tuple[DtlsEndpoint, DtlsEndpoint]) -> None:
    """D21."""
    client, server = ends
    assert server.receive(sealed_by(client, ALERT, b"\x01\x5a"), 6.0) is DropReason.DTLS_REFUSED  # user_canceled
    assert server.receive(sealed_by(client, ALERT, b"\x02\x50"), 6.0) is None
    (event,) = events_of(server)
    assert isinstance(event, DtlsFailed)
    assert (event.error.alert, event.error.is_remote) == ("internal_error", True)
    assert server.datagrams_to_send(6.0) == []


@pytest.mark.parametrize("alert", [b"\x01", b"\x02", b"\x02\x50\x00", b"\x02\x50" * 2], ids=bytes.hex)
def test_broken_alert_of_the_peer_is_refused(ends: tuple[DtlsEndpoint, DtlsEndpoint], alert: bytes) -> None:
    client, server = ends
    assert server.receive(sealed_by(client, ALERT, alert), 6.0) is DropReason.DTLS_REFUSED
    assert server.state is DtlsState.ESTABLISHED


def test_finished_in_a_new_record_gets_our_last_flight_again(ends: tuple[DtlsEndpoint, DtlsEndpoint]) -> None:
    """D13: so OpenSSL repeats its own, with a new number."""
    client, server = ends
    finished = b"\x14" + bytes(23)
    assert server.receive(sealed_by(client, HANDSHAKE, finished), 6.0) is None
    flight = server.datagrams_to_send(6.0)
    assert describe(flight[0]) == [(20, 0), (22, 1)]
    assert server.receive(sealed_by(client, HANDSHAKE, finished), 6.01) is None
    assert server.datagrams_to_send(6.01) == []  # at most once in 50 ms
    assert client.receive(sealed_by(server, HANDSHAKE, finished), 7.0) is None
    assert client.datagrams_to_send(7.0) == []  # nothing answers the last flight


@pytest.mark.parametrize("message", [b"\x04" + bytes(20), b"\x10" + bytes(20)], ids=["ticket", "key exchange"])
def test_other_handshake_messages_are_refused(ends: tuple[DtlsEndpoint, DtlsEndpoint], message: bytes) -> None:
    client, server = ends
    assert server.receive(sealed_by(client, HANDSHAKE, message), 6.0) is DropReason.DTLS_REFUSED
    assert server.datagrams_to_send(6.0) == []
