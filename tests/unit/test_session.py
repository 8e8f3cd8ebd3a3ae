"""ICE, DTLS and SRTP composed: whole calls on virtual time."""

from __future__ import annotations

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.certificate import Certificate
from rtcsplit.session.events import (
    AddressAuthenticated,
    EndCause,
    HeldPacketDropped,
    PathChanged,
    RtcpReceived,
    RtpReceived,
    SessionConnected,
    SessionEnded,
)
from rtcsplit.session.keying import SrtpProfile
from rtcsplit.session.negotiation import DtlsRole
from rtcsplit.session.session import Session
from rtcsplit.session.session_state import TRANSITIONS, SessionState, Trigger
from rtcsplit.session.srtp import MAX_RTP_PACKETS
from rtcsplit.wire.address import Address, Path, Via
from rtcsplit.wire.packet import Kind, classify

from ..calls import CLIENT_ADDRESS, OTHER_ADDRESS, STRANGER, ServerPeer, VirtualCall, rtp, virtual_call
from ..dtls_peers import Peer as DtlsPeer
from ..link import Conditions

ROLES = pytest.mark.parametrize("role", list(DtlsRole), ids=lambda role: role.value)


@pytest.fixture(autouse=True, params=[True, False], ids=["batched", "one by one"])
def _way_of_datagrams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServerPeer, "is_batched", request.param)


def connected(**options: object) -> VirtualCall:
    call = virtual_call(**options)  # type: ignore[arg-type]
    call.connect()
    return call


def kinds(datagrams: list[tuple[float, bytes, Path]]) -> list[Kind]:
    return [kind for _, datagram, _ in datagrams if isinstance(kind := classify(datagram), Kind)]


@ROLES
@pytest.mark.parametrize("profile", list(SrtpProfile), ids=lambda profile: profile.name)
def test_a_call_connects_and_carries_media_both_ways(role: DtlsRole, profile: SrtpProfile) -> None:
    """D7, D8: each profile in each role; the peers decrypt each other."""
    call = connected(server_role=role, server_profiles=[profile])
    call.client.send_rtp(rtp(1))
    call.server.session.send_rtp(rtp(2, ssrc=0x9999), call.network.now)
    assert call.network.run_until(lambda: bool(call.client.received_rtp and call.server.of_type(RtpReceived)))
    assert [event.packet for event in call.server.of_type(RtpReceived)] == [rtp(1)]
    assert call.client.received_rtp == [rtp(2, ssrc=0x9999)]
    assert call.server.of_type(AddressAuthenticated) == [AddressAuthenticated(CLIENT_ADDRESS)]
    assert call.server.of_type(SessionConnected) == [SessionConnected(Path(CLIENT_ADDRESS))]
    assert not call.server.drops


@ROLES
def test_reports_travel_as_srtcp(role: DtlsRole) -> None:
    call = connected(server_role=role)
    report = bytes.fromhex("80c90001") + (0x1234).to_bytes(4, "big")
    call.client.send_rtcp(report)
    call.server.session.send_rtcp(report, call.network.now)
    assert call.network.run_until(lambda: bool(call.client.received_rtcp and call.server.of_type(RtcpReceived)))
    assert call.client.received_rtcp == [event.packet for event in call.server.of_type(RtcpReceived)] == [report]


@ROLES
def test_media_starts_before_any_nomination(role: DtlsRole) -> None:
    """C7: a client that never sets USE-CANDIDATE completes DTLS and gets media."""
    call = connected(server_role=role, nominates="never")
    call.server.session.send_rtp(rtp(1), call.network.now)
    assert call.network.run_until(lambda: bool(call.client.received_rtp))


def test_a_tuple_that_cannot_hear_us_costs_one_check() -> None:
    """C7: two tuples of which the first is deaf; the flight is repeated on the newer one."""
    call = virtual_call(nominates="never")
    call.network.detach(CLIENT_ADDRESS)  # the answers go nowhere
    call.network.attach(call.client, OTHER_ADDRESS)
    call.server.receive(call.client.check(), Path(CLIENT_ADDRESS), call.network.now)
    call.client.path = Path(OTHER_ADDRESS)
    call.connect(limit=1.0)
    assert call.server.session.path == Path(OTHER_ADDRESS)


@ROLES
def test_every_check_of_a_handshake_repeats_the_flight_where_it_came_from(role: DtlsRole) -> None:
    """C7, C8: at once, before the flight's own timer; not after the handshake."""
    call = virtual_call(server_role=role, nominates="never")
    if role is DtlsRole.SERVER:
        call.network.drop_if = lambda datagram, is_uplink: not is_uplink and classify(datagram) is Kind.DTLS
        call.network.run_until(lambda: Kind.DTLS in kinds(call.network.downlink))
    now = call.network.now
    call.server.receive(call.client.check(), Path(CLIENT_ADDRESS), now)
    call.server.datagrams_to_send(now)
    for _ in range(2):
        call.server.receive(call.client.check(), Path(OTHER_ADDRESS), now)
        sent = call.server.datagrams_to_send(now)
        assert {path for _, path in sent} == {Path(OTHER_ADDRESS)}
        assert {classify(datagram) for datagram, _ in sent} == {Kind.STUN, Kind.DTLS}
    call.network.drop_if = lambda datagram, is_uplink: False
    call.connect()
    call.network.run_for(1.0)
    call.server.receive(call.client.check(), Path(CLIENT_ADDRESS), call.network.now)
    assert [classify(datagram) for datagram, _ in call.server.datagrams_to_send(call.network.now)] == [Kind.STUN]


@ROLES
def test_a_replayed_check_repeats_no_flight(role: DtlsRole) -> None:
    """C11: it is answered, and that is all; else one octet of a replay would be worth ten of ours."""
    call = virtual_call(server_role=role, nominates="never")
    call.network.drop_if = lambda datagram, is_uplink: not is_uplink and classify(datagram) is Kind.DTLS
    call.network.run_until(lambda: role is DtlsRole.CLIENT or Kind.DTLS in kinds(call.network.downlink))
    now, captured = call.network.now, call.client.check()
    call.server.receive(captured, Path(CLIENT_ADDRESS), now)
    assert Kind.DTLS in {classify(datagram) for datagram, _ in call.server.datagrams_to_send(now)}
    for path in (Path(OTHER_ADDRESS), Path(CLIENT_ADDRESS)):
        call.server.receive(captured, path, now)
        sent = call.server.datagrams_to_send(now)
        assert [(classify(datagram), to) for datagram, to in sent] == [(Kind.STUN, path)]


def test_nothing_is_sent_before_the_first_authenticated_check() -> None:
    """C8: in the active role no ClientHello before it, and one right after it."""
    call = virtual_call()
    call.client.is_checking = False
    forged = call.client.check()[:-9] + bytes(9)
    for datagram in (forged, bytes.fromhex("16fefd") + bytes(50), rtp(1), bytes(20)):
        call.server.receive(datagram, Path(CLIENT_ADDRESS), call.network.now)
    call.network.run_for(5.0)
    assert [kind for kind in kinds(call.network.downlink) if kind is not Kind.STUN] == []
    call.network.downlink.clear()
    call.server.receive(call.client.check(), Path(CLIENT_ADDRESS), call.network.now)
    sent = call.server.datagrams_to_send(call.network.now)
    assert [classify(datagram) for datagram, _ in sent] == [Kind.STUN, Kind.DTLS]
    assert {path for _, path in sent} == {Path(CLIENT_ADDRESS)}


def test_a_lost_client_hello_costs_little() -> None:
    """C8: a flight of ours that is lost is repeated within 150 ms, on virtual time."""
    baseline = virtual_call()
    baseline.connect()
    call = virtual_call()
    lost = []

    def drop_first_flight(datagram: bytes, is_uplink: bool) -> bool:
        is_hit = not is_uplink and classify(datagram) is Kind.DTLS and not lost
        if is_hit:
            lost.append(datagram)
        return is_hit

    call.network.drop_if = drop_first_flight
    call.connect()
    assert len(lost) == 1
    assert call.network.now - baseline.network.now <= 0.150


@ROLES
@pytest.mark.parametrize("seed", range(5))
def test_calls_connect_over_a_bad_link(role: DtlsRole, seed: int) -> None:
    """Loss, jitter and duplication of 5 % each; what is refused meanwhile is counted and harms nothing."""
    call = virtual_call(
        server_role=role, conditions=Conditions(delay=0.02, jitter=0.01, loss=0.05, duplication=0.05), seed=seed
    )
    call.connect()
    assert call.server.session.state is SessionState.CONNECTED


def test_the_server_never_checks() -> None:
    """C1: a whole call of a minute with 0 binding requests from the lite side."""
    call = connected()
    call.network.run_for(60.0)
    assert call.client.server_requests == 0
    assert len(call.client.answers) >= 24


@ROLES
def test_nothing_ever_goes_to_a_tuple_without_a_check(role: DtlsRole) -> None:
    """C9, D1, T2: RTP, SRTP and DTLS from elsewhere, before, during and after the handshake."""
    call = virtual_call(server_role=role)
    hello = bytes.fromhex("16fefd0000000000000000") + (60).to_bytes(2, "big") + bytes([1]) + bytes(59)
    hostile = [hello, hello[:20], rtp(1), rtp(1) + bytes(40), bytes.fromhex("80c80001") + bytes(40)]

    def attack() -> None:
        for datagram in hostile:
            reason = call.server.receive(datagram, Path(STRANGER), call.network.now)
            assert reason is DropReason.PATH_UNAUTHENTICATED
        call.network.exchange()

    attack()
    call.network.run_until(lambda: call.server.session.state is SessionState.HANDSHAKING)
    attack()
    call.connect()
    attack()
    protected = call.client.srtp
    assert protected is not None
    assert call.server.receive(protected.protect(rtp(9)), Path(STRANGER), call.network.now) is not None
    call.network.run_for(1.0)
    assert {path.client for _, _, path in call.network.downlink} == {CLIENT_ADDRESS}
    assert call.server.session.path == Path(CLIENT_ADDRESS)
    assert call.is_connected


@ROLES
def test_hellos_from_elsewhere_are_not_even_refused(role: DtlsRole) -> None:
    """D1, T1: whole, with NULL ciphers, cut short: no alert to anybody, and the call completes."""
    whole = DtlsPeer(DtlsRole.CLIENT).start()
    null = DtlsPeer(DtlsRole.CLIENT, ciphers=b"ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0").start()
    hellos = [*whole, *null, whole[0][:100]]
    call = virtual_call(server_role=role)
    states = set()
    while not call.is_connected:
        for hello in hellos:
            reason = call.server.receive(hello, Path(STRANGER), call.network.now)
            assert reason in (DropReason.PATH_UNAUTHENTICATED, DropReason.NO_SESSION)
        states.add(call.server.session.state)
        call.network.run_for(0.002)
    assert states >= {SessionState.CHECKING, SessionState.HANDSHAKING}
    for hello in hellos:
        assert call.server.receive(hello, Path(STRANGER), call.network.now) is not None
    call.network.run_for(1.0)
    assert {path.client for _, _, path in call.network.downlink} == {CLIENT_ADDRESS}
    assert all(datagram[0] != 21 for _, datagram, _ in call.network.downlink)
    assert len(call.server.of_type(SessionConnected)) == 1
    assert not call.client.refused


def test_media_from_a_second_checked_tuple_is_taken_and_moves_nothing() -> None:
    """C9, C24: a backup tuple gets answers, its media counts, the path stays."""
    call = connected()
    call.network.attach(call.client, OTHER_ADDRESS)
    call.server.receive(call.client.check(), Path(OTHER_ADDRESS), call.network.now)
    assert call.client.srtp is not None
    assert call.server.receive(call.client.srtp.protect(rtp(5)), Path(OTHER_ADDRESS), call.network.now) is None
    call.network.exchange()
    assert call.server.session.path == Path(CLIENT_ADDRESS)
    assert [path.client for _, _, path in call.network.downlink][-1] == OTHER_ADDRESS


def test_plain_media_is_never_taken() -> None:
    """E14: plain RTP and RTCP from the very tuple of the call."""
    call = connected()
    for datagram in (rtp(1, b"x" * 60), bytes.fromhex("81c9000700001234") + bytes(24)):
        reason = call.server.receive(datagram, Path(CLIENT_ADDRESS), call.network.now)
        assert reason in (
            DropReason.SRTP_AUTH_FAILED,
            DropReason.SRTP_MALFORMED,
            DropReason.SRTCP_UNENCRYPTED,
        )
    assert not call.server.of_type(RtpReceived)
    assert not call.server.of_type(RtcpReceived)


def test_replayed_srtp_is_dropped_once_counted() -> None:
    """E4, T21: at the level of the session."""
    call = connected()
    assert call.client.srtp is not None
    packet = call.client.srtp.protect(rtp(1))
    assert call.server.receive(packet, Path(CLIENT_ADDRESS), call.network.now) is None
    assert call.server.receive(packet, Path(CLIENT_ADDRESS), call.network.now) is DropReason.SRTP_REPLAYED
    assert len(call.server.of_type(RtpReceived)) == 1


def test_srtp_that_overtakes_the_handshake_is_held_and_bounded() -> None:
    """D24: at most 32 packets are held, and only what verifies is delivered."""
    call = virtual_call()
    call.network.run_until(lambda: call.server.session.state is SessionState.HANDSHAKING)
    for number in range(32):
        assert call.server.receive(rtp(number, b"x" * 60), Path(CLIENT_ADDRESS), call.network.now) is None
    over = call.server.receive(rtp(33, b"x" * 60), Path(CLIENT_ADDRESS), call.network.now)
    assert over is DropReason.SRTP_NO_KEYS
    call.connect()
    assert not call.server.of_type(RtpReceived)
    dropped = call.server.of_type(HeldPacketDropped)
    assert [event.reason for event in dropped] == [DropReason.SRTP_AUTH_FAILED] * 32


def test_without_checks_the_session_is_lost_after_thirty_seconds() -> None:
    """C14: media alone does not keep consent; sending stops within a second of it."""
    call = connected()
    last_check = call.network.now
    call.client.is_checking = False
    for number in range(1, 33):
        call.client.send_rtp(rtp(number))
        call.network.run_for(1.0)
    ended = call.server.of_type(SessionEnded)
    assert [event.cause for event in ended] == [EndCause.CONSENT_EXPIRED]
    with pytest.raises(UsageError):
        call.server.session.send_rtp(rtp(1), call.network.now)
    assert max(at for at, _, _ in call.network.downlink) <= last_check + 31.0
    assert call.server.receive(rtp(40), Path(CLIENT_ADDRESS), call.network.now) is DropReason.SESSION_CLOSED


def test_a_session_that_nobody_checks_ends() -> None:
    """I10: an offer without media is gone after 30 s."""
    call = virtual_call()
    call.client.is_checking = False
    call.network.run_for(31.0)
    assert [event.cause for event in call.server.of_type(SessionEnded)] == [EndCause.CHECK_TIMEOUT]
    assert call.server.next_timer() is None


@ROLES
def test_nothing_follows_the_peers_close_notify(role: DtlsRole) -> None:
    """C15, D21: consent is revoked at once."""
    call = connected(server_role=role)
    call.client.close(call.network.now)
    call.network.run_until(lambda: bool(call.server.of_type(SessionEnded)), limit=1.0)
    assert [event.cause for event in call.server.of_type(SessionEnded)] == [EndCause.PEER_CLOSED]
    call.network.downlink.clear()
    call.client.is_checking = True
    call.network.run_for(10.0)
    assert call.network.downlink == []


@ROLES
def test_what_waits_to_be_sent_does_not_leave_without_consent(role: DtlsRole) -> None:
    """C14, C15: neither what the peer's close_notify finds queued, nor anything once its checks have ceased."""
    call = connected(server_role=role)
    call.client.close(call.network.now)
    ((close_notify, path),) = call.client.datagrams_to_send(call.network.now)
    call.server.session.send_rtp(rtp(1), call.network.now)
    call.server.receive(close_notify, path, call.network.now)
    assert call.server.datagrams_to_send(call.network.now) == []
    call = connected(server_role=role)
    call.client.is_checking = False
    call.network.run_for(28.0)
    call.server.session.send_rtp(rtp(1), call.network.now)
    call.server.handle_timer(call.network.now + 5.0)
    assert [event.cause for event in call.server.of_type(SessionEnded)] == [EndCause.CONSENT_EXPIRED]
    assert call.server.datagrams_to_send(call.network.now) == []


@ROLES
def test_our_close_says_so_once_and_then_nothing(role: DtlsRole) -> None:
    """C15, I5: close_notify is the last thing that leaves."""
    call = connected(server_role=role)
    call.network.downlink.clear()
    call.server.session.close(call.network.now)
    call.server.session.close(call.network.now)
    assert call.network.run_until(lambda: call.client.is_closed_by_peer, limit=1.0)
    call.network.run_for(10.0)
    assert kinds(call.network.downlink) == [Kind.DTLS]
    assert [event.cause for event in call.server.of_type(SessionEnded)] == [EndCause.CLOSED]


@ROLES
def test_a_wrong_certificate_ends_the_session_without_keys(role: DtlsRole) -> None:
    """D5, T19: one fatal alert, no SRTP keys, a named cause."""
    call = virtual_call(server_role=role, certificate=Certificate.generate())
    call.network.run_until(lambda: bool(call.server.of_type(SessionEnded)), limit=5.0)
    assert [event.cause for event in call.server.of_type(SessionEnded)] == [EndCause.HANDSHAKE_FAILED]
    assert not call.server.of_type(SessionConnected)
    with pytest.raises(UsageError):
        call.server.session.send_rtp(rtp(1), call.network.now)


def test_a_session_ends_before_its_keys_are_used_too_often() -> None:
    """E11: the last packet that the keys may protect is the last one that is sent."""
    call = connected()
    assert call.server.session.srtp is not None
    call.server.session.srtp.rtp_count = MAX_RTP_PACKETS - 2
    call.server.session.send_rtp(rtp(1), call.network.now)
    assert call.server.session.state is SessionState.CONNECTED
    call.server.session.send_rtp(rtp(2), call.network.now)
    call.network.run_for(0.5)
    assert [event.cause for event in call.server.of_type(SessionEnded)] == [EndCause.KEYS_EXHAUSTED]
    assert len(call.client.received_rtp) == 2
    with pytest.raises(UsageError):
        call.server.session.send_rtp(rtp(3), call.network.now)


def test_the_relay_that_delivered_last_is_the_way_back() -> None:
    """The path's ``via`` follows authentic packets, the client address stays."""
    call = connected()
    proxy = Address.of("203.0.113.10", 3478)
    for relay in (Address.of("10.0.0.1", 40000), Address.of("10.0.0.2", 40000)):
        path = Path(CLIENT_ADDRESS, Via(relay, proxy))
        assert call.client.srtp is not None
        forged = rtp(900, b"x" * 60)
        assert call.server.receive(forged, path, call.network.now) is DropReason.SRTP_AUTH_FAILED
        assert call.server.session.path != path
        genuine = call.client.srtp.protect(rtp(relay.ip[-1]))
        assert call.server.receive(genuine, path, call.network.now) is None
        assert call.server.session.path == path
    assert len(call.server.of_type(PathChanged)) == 1


@pytest.mark.parametrize("state", list(SessionState), ids=lambda state: state.name)
@pytest.mark.parametrize("trigger", list(Trigger), ids=lambda trigger: trigger.name)
def test_an_illegal_trigger_changes_nothing(state: SessionState, trigger: Trigger) -> None:
    call = virtual_call()
    session: Session = call.server.session
    session.state = state
    session._apply(trigger)
    assert session.state is TRANSITIONS.get((state, trigger), state)
