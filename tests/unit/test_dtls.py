"""DtlsEndpoint against OpenSSL driven directly: what is negotiated, what is refused, how it ends (rows D1 to D9, D11,
D14, D21 to D24, D27)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from OpenSSL import SSL

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.certificate import Certificate, Fingerprint
from rtcsplit.session.dtls import HANDSHAKE_TIMEOUT, MAX_DATA, DtlsEndpoint
from rtcsplit.session.dtls_context import DtlsContext, PeerCheck
from rtcsplit.session.dtls_state import TRANSITIONS, DtlsState, DtlsTrigger
from rtcsplit.session.events import DataReceived, DtlsClosed, DtlsFailed, HandshakeCompleted
from rtcsplit.session.keying import SrtpKeys, SrtpProfile
from rtcsplit.session.negotiation import DtlsRole
from rtcsplit.session.srtp import SrtpSession
from rtcsplit.wire import rtcp
from tests import dtls_peers as peers
from tests.calls import rtp
from tests.dtls_peers import Peer, connect, endpoint, established, events_of, other

both_roles = pytest.mark.parametrize("role", DtlsRole, ids=lambda r: r.name.lower())
HANDSHAKE_FAILURE, BAD_CERTIFICATE, PROTOCOL_VERSION, DECRYPT_ERROR = 40, 42, 70, 51


def failure(ours: DtlsEndpoint) -> DtlsFailed:
    """The failure, at the deadline where a server has waited for a better ClientHello."""
    ours.handle_timer(HANDSHAKE_TIMEOUT)
    (event,) = events_of(ours)
    assert isinstance(event, DtlsFailed)
    assert ours.state is DtlsState.FAILED
    return event


# who may speak, and when


@both_roles
def test_nothing_is_sent_or_taken_before_start(role: DtlsRole) -> None:
    """C8, D1: start() follows the first authenticated check."""
    peer = Peer(other(role))
    ours = DtlsEndpoint(peers.our_context(), role, [peer.certificate.fingerprint])
    hello = Peer(DtlsRole.CLIENT).start()[0]
    assert ours.receive(hello, 0.0) is DropReason.DTLS_REFUSED
    ours.repeat_flight(0.0)
    ours.handle_timer(99.0)
    assert ours.next_timer() is None
    assert ours.datagrams_to_send(0.0) == []
    assert events_of(ours) == []


def test_client_hello_follows_start_at_once_and_once() -> None:
    """C8."""
    ours = endpoint(DtlsRole.CLIENT)
    (hello,) = ours.datagrams_to_send(0.0)
    assert (hello[0], hello[13]) == (22, 1)
    ours.start(0.01)
    assert ours.datagrams_to_send(0.01) == []


def test_server_sends_nothing_before_a_hello() -> None:
    ours = endpoint(DtlsRole.SERVER)
    ours.repeat_flight(1.0)
    assert ours.datagrams_to_send(1.0) == []
    assert ours.next_timer() == HANDSHAKE_TIMEOUT


# what is negotiated


@both_roles
@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "large"])
def test_peers_with_any_certificate_connect(role: DtlsRole, kind: str) -> None:
    """D3, D9: RSA-2048 as GStreamer's webrtcbin has it, and one of 4 kB in several fragments."""
    peer = Peer(other(role), peers.peer_certificate(kind))
    ours = endpoint(role, peer.certificate)
    connect(ours, peer)
    assert peer.is_complete
    assert ours.state is DtlsState.ESTABLISHED
    assert [type(event) for event in events_of(ours)] == [HandshakeCompleted]
    assert ours.next_timer() is None


@both_roles
@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"])
def test_each_suite_alone_connects(role: DtlsRole, suite: str) -> None:
    """D3: their encrypted Finished has 61 or 53 octets."""
    peer = Peer(other(role), ciphers=f"ECDHE-ECDSA-{suite}".encode())
    ours = endpoint(role, peer.certificate)
    connect(ours, peer)
    assert peer.is_complete
    assert ours.state is DtlsState.ESTABLISHED


@both_roles
@pytest.mark.parametrize("profile", SrtpProfile, ids=lambda p: p.name)
def test_each_profile_alone_gives_keys_that_both_sides_share(role: DtlsRole, profile: SrtpProfile) -> None:
    """D7, D8: client key, server key, client salt, server salt, from the peer's own exporter."""
    peer = Peer(other(role), profiles=peers.PROFILE_NAMES[profile])
    ours = endpoint(role, peer.certificate)
    connect(ours, peer)
    (completed,) = events_of(ours)
    assert isinstance(completed, HandshakeCompleted)
    key, salt = profile.key_length, profile.salt_length
    material = peer.export(2 * (key + salt))
    client = material[:key] + material[2 * key : 2 * key + salt]
    server = material[key : 2 * key] + material[2 * key + salt :]
    local, remote = (client, server) if role is DtlsRole.CLIENT else (server, client)
    assert completed.keys == SrtpKeys(profile, local, remote)
    sender, receiver = SrtpSession(completed.keys), SrtpSession(SrtpKeys(profile, remote, local))
    assert receiver.unprotect(sender.protect(rtp(1))) == rtp(1)
    report = rtcp.build([rtcp.ReceiverReport(0x1234)])
    assert sender.unprotect_rtcp(receiver.protect_rtcp(report)) == report


def test_server_picks_the_profile_by_our_preference() -> None:
    """D7: the peer prefers AES_CM."""
    _, _, (completed,) = established(DtlsRole.SERVER)
    assert isinstance(completed, HandshakeCompleted)
    assert completed.keys.profile is SrtpProfile.AEAD_AES_128_GCM


def test_profiles_can_be_restricted() -> None:
    """D7."""
    context = DtlsContext(peers.our_certificate(), [SrtpProfile.AEAD_AES_256_GCM])
    peer = Peer(DtlsRole.CLIENT)
    ours = endpoint(DtlsRole.SERVER, peer.certificate, context=context)
    connect(ours, peer)
    assert peer.connection.get_selected_srtp_profile() == b"SRTP_AEAD_AES_256_GCM"
    with pytest.raises(UsageError):
        DtlsContext(peers.our_certificate(), [])


@both_roles
def test_dtls_1_2_with_an_aead_suite_and_extended_master_secret(role: DtlsRole) -> None:
    """D2, D3, D23."""
    peer = Peer(other(role))
    ours = endpoint(role, peer.certificate)
    hello = (peer.start() if role is DtlsRole.SERVER else ours.datagrams_to_send(0.0))[0]
    assert b"\x00\x17\x00\x00" in hello, "the client offers extended_master_secret"
    if role is DtlsRole.SERVER:
        ours.receive(hello, 0.0)
        answers = ours.datagrams_to_send(0.0)
        to_ours = [datagram for answer in answers for datagram in peer.receive(answer)]
    else:
        answers = to_ours = peer.receive(hello)
    assert b"\x00\x17\x00\x00" in answers[0], "the server takes it"
    list(peers.exchange(ours, peer, to_ours))
    assert peer.connection.get_protocol_version_name() == "DTLSv1.2"
    assert "GCM" in (peer.connection.get_cipher_name() or "")


@both_roles
def test_suites_offered_are_forward_secret_aead_for_ecdsa_and_rsa(role: DtlsRole) -> None:
    """D3."""
    context = peers.our_context()
    connection = context.open(role, PeerCheck([]), 1200)
    suites = [suite for suite in connection.get_cipher_list() if not suite.startswith("TLS_")]
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in suites
    assert "ECDHE-RSA-AES128-GCM-SHA256" in suites
    assert all(suite.startswith("ECDHE-") and suite.split("-")[-2] in {"GCM", "CHACHA20"} for suite in suites)


def test_server_sends_no_hello_verify_request() -> None:
    """D11: the authenticated check stands for the cookie."""
    ours = endpoint(DtlsRole.SERVER)
    for datagram in Peer(DtlsRole.CLIENT).start():
        ours.receive(datagram, 0.0)
    assert ours.datagrams_to_send(0.0)[0][13] == 2


def test_client_answers_a_hello_verify_request() -> None:
    """D11: a server that wants a cookie gets it."""
    peer = Peer(DtlsRole.SERVER, cookie=b"cookie")
    ours = endpoint(DtlsRole.CLIENT, peer.certificate)
    sent = connect(ours, peer)
    assert [datagram[13] for datagram in sent[:2]] == [1, 1]
    assert ours.state is DtlsState.ESTABLISHED


# what is refused


@both_roles
def test_fingerprint_that_is_off_by_one_bit_fails_with_bad_certificate(role: DtlsRole) -> None:
    """D5: and no key is handed out; RFC 8122 section 6.2 names the alert."""
    peer = Peer(other(role))
    digest = bytearray(peer.certificate.fingerprint.digest)
    digest[31] ^= 1
    ours = endpoint(role, Fingerprint("sha-256", bytes(digest)))
    sent = connect(ours, peer)
    assert peers.alerts_of(sent) == [(2, BAD_CERTIFICATE)]
    assert failure(ours).error.code == "fingerprint_mismatch"
    assert not peer.is_complete


@both_roles
@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512"])
def test_any_one_matching_fingerprint_is_enough(role: DtlsRole, algorithm: str) -> None:
    """D6: one wrong, one right."""
    peer = Peer(other(role))
    text = f"{algorithm} " + peer.certificate.x509.fingerprint(peers.hash_of(algorithm)).hex(":").lower()
    ours = endpoint(role, peers.our_certificate().fingerprint, Fingerprint.parse(text))
    connect(ours, peer)
    assert ours.state is DtlsState.ESTABLISHED


@pytest.mark.parametrize("text", ["sha-1 " + "AB:" * 19 + "AB", "md5 " + "AB:" * 15 + "AB"])
def test_weak_fingerprints_cannot_be_expressed(text: str) -> None:
    """D6."""
    with pytest.raises(UsageError):
        Fingerprint.parse(text)


@both_roles
def test_no_fingerprint_matches_nobody(role: DtlsRole) -> None:
    """D5: an empty list is not a wildcard."""
    peer = Peer(other(role))
    ours = DtlsEndpoint(peers.our_context(), role, [])
    ours.start(0.0)
    connect(ours, peer)
    assert failure(ours).error.code == "fingerprint_mismatch"


def test_client_without_certificate_fails() -> None:
    """D4."""
    peer = Peer(DtlsRole.CLIENT, has_certificate=False)
    ours = endpoint(DtlsRole.SERVER, peer.certificate)
    sent = connect(ours, peer)
    assert peers.alerts_of(sent) == [(2, HANDSHAKE_FAILURE)]
    assert failure(ours).error.alert == "handshake_failure"


def test_client_with_a_certificate_but_not_its_key_fails() -> None:
    """D4: CertificateVerify by another key, though the fingerprint matches."""
    peer = Peer(DtlsRole.CLIENT)
    stolen = Certificate.generate()
    ours = endpoint(DtlsRole.SERVER, stolen)
    for datagram in peer.start():
        ours.receive(datagram, 0.0)
    flight = [answer for datagram in ours.datagrams_to_send(0.0) for answer in peer.receive(datagram)]
    for datagram in flight:
        is_certificate = datagram[0] == 22 and datagram[3:5] == b"\0\0" and datagram[13] == 11
        ours.receive(peers.with_certificate(datagram, stolen) if is_certificate else datagram, 0.0)
    assert peers.alerts_of(ours.datagrams_to_send(0.0)) == [(2, DECRYPT_ERROR)]
    assert failure(ours).error.code == "handshake_failed"


@pytest.mark.parametrize(
    ("options", "alert"),
    [
        pytest.param({"version": 0xFEFF, "ciphers": b"ALL:@SECLEVEL=0"}, PROTOCOL_VERSION, id="DTLS 1.0 only"),
        pytest.param({"ciphers": b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA256"}, HANDSHAKE_FAILURE, id="CBC only"),
        pytest.param({"ciphers": b"AES128-GCM-SHA256"}, HANDSHAKE_FAILURE, id="RSA key exchange only"),
        pytest.param({"ciphers": b"ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"}, HANDSHAKE_FAILURE, id="NULL only"),
        pytest.param({"profiles": b"SRTP_AES128_CM_SHA1_32"}, HANDSHAKE_FAILURE, id="_32 only"),
        pytest.param({"profiles": b""}, HANDSHAKE_FAILURE, id="no use_srtp"),
    ],
)
def test_hello_without_anything_in_common_gets_its_alert(options: dict[str, object], alert: int) -> None:
    """D2, D3, D7, T1: and a good hello after it still connects, since the bad one may be anybody's."""
    bad = Peer(DtlsRole.CLIENT, **options)  # type: ignore[arg-type]
    good = Peer(DtlsRole.CLIENT)
    ours = endpoint(DtlsRole.SERVER, good.certificate)
    assert peers.alerts_of(connect(ours, bad)) == [(2, alert)]
    assert bad.error is not None
    assert events_of(ours) == []
    connect(ours, good)
    assert [type(event) for event in events_of(ours)] == [HandshakeCompleted]


@pytest.mark.parametrize("profiles", [b"", b"SRTP_AES128_CM_SHA1_32"], ids=["no use_srtp", "_32 only"])
def test_server_without_common_profile_fails_our_client(profiles: bytes) -> None:
    """D7."""
    peer = Peer(DtlsRole.SERVER, profiles=profiles)
    ours = endpoint(DtlsRole.CLIENT, peer.certificate)
    sent = connect(ours, peer)
    assert peers.alerts_of(sent) == [(2, HANDSHAKE_FAILURE)]
    assert failure(ours).error.code == "no_srtp_profile"
    assert peer.error is not None


def test_bad_hello_is_what_the_deadline_reports() -> None:
    """D2."""
    ours = endpoint(DtlsRole.SERVER)
    connect(ours, Peer(DtlsRole.CLIENT, ciphers=b"ECDHE-ECDSA-AES128-SHA"))
    error = failure(ours).error
    assert (error.code, error.alert, error.is_remote) == ("handshake_failed", "handshake_failure", False)


def test_alert_of_the_peer_is_named() -> None:
    peer = Peer(DtlsRole.SERVER, ciphers=b"ECDHE-ECDSA-AES128-SHA")
    ours = endpoint(DtlsRole.CLIENT, peer.certificate)
    connect(ours, peer)
    error = failure(ours).error
    assert (error.code, error.alert, error.is_remote) == ("alert", "handshake_failure", True)


# datagrams


@both_roles
def test_flights_with_a_large_certificate_are_cut_to_whole_records(role: DtlsRole) -> None:
    """D14, D27: 4 kB of certificate; every datagram parses alone; a repeated flight is equal octet for octet."""
    context = DtlsContext(peers.peer_certificate("large"))
    peer = Peer(other(role))
    ours = endpoint(role, peer.certificate, context=context)
    flights: list[list[bytes]] = []
    to_ours = peer.start() if role is DtlsRole.SERVER else []
    while to_ours or not flights:
        for datagram in to_ours:
            ours.receive(datagram, 0.0)
        flights.append(ours.datagrams_to_send(0.0))
        ours.repeat_flight(0.0)
        assert ours.datagrams_to_send(0.0) in ([], flights[-1])
        to_ours = [answer for datagram in flights[-1] for answer in peer.receive(datagram)]
    assert ours.state is DtlsState.ESTABLISHED
    datagrams = [datagram for flight in flights for datagram in flight]
    assert max(map(len, datagrams)) <= 1200
    assert sum(len(datagram) > 1100 for datagram in datagrams) >= 3, "fragments fill datagrams"
    assert all(b"".join(peers.records_of(d)) == d and len(peers.records_of(d)[-1]) > 13 for d in datagrams)


# after the handshake


@both_roles
def test_application_data_passes_both_ways(role: DtlsRole) -> None:
    """D27: the largest datagram has 1,200 octets."""
    ours, peer, _ = established(role)
    assert ours.receive(peer.send(b"hello"), 1.0) is None
    assert events_of(ours) == [DataReceived(b"hello")]
    ours.send(b"x" * MAX_DATA)
    (datagram,) = ours.datagrams_to_send(1.0)
    assert len(datagram) == 1200
    peer.receive(datagram)
    assert peer.received == [b"x" * MAX_DATA]


@both_roles
def test_sending_data_at_the_wrong_time_or_size_is_the_callers_fault(role: DtlsRole) -> None:
    ours, _, _ = established(role)
    for data in (b"", b"x" * (MAX_DATA + 1)):
        with pytest.raises(UsageError):
            ours.send(data)
    with pytest.raises(UsageError):
        endpoint(role).send(b"x")


@both_roles
def test_data_before_finished_is_dropped(role: DtlsRole) -> None:
    """D24: in the clear, and encrypted but ahead of Finished."""
    peer = Peer(other(role))
    ours = endpoint(role, peer.certificate)
    early = b"\x17\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x20" + bytes(32)
    assert ours.receive(early, 0.0) is DropReason.DTLS_REFUSED
    assert ours.receive(early[:3] + b"\x00\x00" + early[5:], 0.0) is DropReason.DTLS_REFUSED
    connect(ours, peer)
    assert [type(event) for event in events_of(ours)] == [HandshakeCompleted]


@both_roles
def test_close_notify_of_the_peer_ends_the_association_in_silence(role: DtlsRole) -> None:
    """D21, C15: nothing is sent afterwards."""
    ours, peer, _ = established(role)
    assert ours.receive(peer.close(), 1.0) is None
    assert events_of(ours) == [DtlsClosed()]
    assert ours.state is DtlsState.CLOSED
    assert ours.receive(b"\x17\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x20" + bytes(32), 1.0) is DropReason.SESSION_CLOSED
    ours.close(2.0)
    assert ours.datagrams_to_send(2.0) == []


@both_roles
def test_close_sends_one_close_notify(role: DtlsRole) -> None:
    """C15."""
    ours, peer, _ = established(role)
    ours.close(1.0)
    ours.close(1.0)
    (datagram,) = ours.datagrams_to_send(1.0)
    peer.receive(datagram)
    assert isinstance(peer.error, SSL.ZeroReturnError)
    assert ours.state is DtlsState.CLOSED
    assert events_of(ours) == []


@both_roles
def test_close_during_a_handshake_is_silent(role: DtlsRole) -> None:
    ours = endpoint(role)
    ours.datagrams_to_send(0.0)
    ours.close(0.0)
    ours.repeat_flight(1.0)
    assert ours.datagrams_to_send(1.0) == []
    assert ours.next_timer() is None


@both_roles
def test_alerts_in_the_clear_are_ignored_after_the_handshake(role: DtlsRole) -> None:
    """D21: fatal ones and close_notify."""
    ours, peer, _ = established(role)
    for body in (b"\x02\x28", b"\x01\x00", b"\x02\x00"):
        alert = b"\x15\xfe\xfd\x00\x00" + bytes(5) + b"\x77\x00\x02" + body
        assert ours.receive(alert, 1.0) is DropReason.DTLS_REFUSED
    assert ours.receive(peer.send(b"alive"), 1.0) is None
    assert events_of(ours) == [DataReceived(b"alive")]


def test_renegotiation_by_the_client_is_refused_and_harms_nothing() -> None:
    """D22: silence, and data goes on."""
    ours, peer, _ = established(DtlsRole.SERVER)
    assert peer.connection.renegotiate()
    with pytest.raises(SSL.WantReadError):
        peer.connection.do_handshake()
    (hello,) = peer.flush()
    assert ours.receive(hello, 1.0) is DropReason.DTLS_REFUSED
    assert ours.datagrams_to_send(1.0) == []
    assert ours.state is DtlsState.ESTABLISHED
    ours.send(b"alive")
    assert ours.datagrams_to_send(1.0)
    assert events_of(ours) == []


def test_renegotiation_by_the_server_is_refused_and_harms_nothing() -> None:
    """D22."""
    ours, peer, _ = established(DtlsRole.CLIENT)
    assert peer.connection.renegotiate()
    peer.connection.do_handshake()
    (request,) = peer.flush()
    assert ours.receive(request, 1.0) is DropReason.DTLS_REFUSED
    assert ours.datagrams_to_send(1.0) == []
    assert ours.state is DtlsState.ESTABLISHED
    assert events_of(ours) == []


# time and state


@both_roles
def test_handshake_ends_at_its_deadline(role: DtlsRole) -> None:
    """D18: 30 s after start, on the caller's clock."""
    ours = endpoint(role, now=100.0)
    ours.handle_timer(129.999)
    assert ours.state is DtlsState.HANDSHAKING
    ours.handle_timer(130.0)
    (event,) = events_of(ours)
    assert isinstance(event, DtlsFailed)
    assert event.error.code == "handshake_timeout"
    assert ours.next_timer() is None


def test_illegal_triggers_change_nothing() -> None:
    final = {DtlsState.CLOSED, DtlsState.FAILED}
    assert not [state for state, _ in TRANSITIONS if state in final]
    assert {state for state, trigger in TRANSITIONS if trigger is DtlsTrigger.COMPLETED} == {DtlsState.HANDSHAKING}
    ours, _, _ = established(DtlsRole.SERVER)
    ours.start(1.0)
    assert ours.state is DtlsState.ESTABLISHED


def test_threads_share_nothing_but_the_context() -> None:
    """Handshakes in both roles run in four threads at once."""

    def run(number: int) -> bool:
        role = (DtlsRole.CLIENT, DtlsRole.SERVER)[number % 2]
        _, peer, events = established(role)
        return peer.is_complete and [type(event) for event in events] == [HandshakeCompleted]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(40)))
