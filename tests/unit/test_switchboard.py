"""All calls of a transceiver without I/O: from an SDP offer to the echo, on virtual time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import SdpError, UsageError
from rtcsplit.gateway.echo import Echo
from rtcsplit.session.events import EndCause
from rtcsplit.session.negotiation import IceCredentials
from rtcsplit.session.session import Session
from rtcsplit.session.session_state import SessionState
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.transport_statistics import TransportStatistics
from rtcsplit.wire import red, rtcp, stun
from rtcsplit.wire.address import Address, Path, Via
from rtcsplit.wire.feedback import parse_nack
from rtcsplit.wire.packet import Kind, classify
from rtcsplit.wire.rtcp_packets import Compound, Goodbye
from rtcsplit.wire.rtp import RtpPacket
from rtcsplit.wire.stun_values import decode_xor_mapped_address

from ..calls import rtp
from ..client_peer import ClientPeer
from ..desk import KEYS, OPUS_20_MS, RELAY, ROUTE, Desk, attribute, heard


@pytest.fixture(autouse=True, params=[True, False], ids=["batched", "one by one"])
def _way_of_datagrams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "is_batched", request.param)


def speak(client: ClientPeer, numbers: range, label: bytes) -> list[bytes]:
    payloads = [OPUS_20_MS + label + bytes([number]) for number in numbers]
    for number, payload in zip(numbers, payloads, strict=True):
        client.send_rtp(rtp(number, payload))
    return payloads


def test_everybody_hears_themselves_and_nobody_else() -> None:
    """Many calls on one switchboard: own audio back, in order, none of the others'."""
    desk = Desk()
    calls = [desk.dial() for _ in range(8)]
    desk.connect(*(client for _, client in calls))
    said = [speak(client, range(1, 12), b"%d" % index) for index, (_, client) in enumerate(calls)]
    desk.network.run_for(1.0)
    for (_, client), payloads in zip(calls, said, strict=True):
        assert [packet.payload for packet in heard(client)] == payloads
    assert not desk.drops


def test_the_answer_names_the_relay_and_its_ufrag_opens() -> None:
    """G8: the only candidate is the relay's; the ufrag is a hint for this transceiver."""
    _, answer = Desk().accept()
    candidates = re.findall(r"^a=candidate:(.*?)\r$", answer, re.MULTILINE)
    assert len(candidates) == 1
    assert "203.0.113.10 3478 typ host" in candidates[0]
    opened = KEYS.open(attribute(answer, "ice-ufrag"))
    assert opened is not None
    assert opened.route == ROUTE


def test_echoed_packets_keep_the_distances_of_what_came() -> None:
    """F19: a gap of discontinuous transmission stays a gap; sequence numbers go on."""
    desk = Desk()
    _, client = desk.dial()
    desk.connect(client)
    for number, timestamp in [(1, 960), (2, 1920), (3, 2880), (4, 2880 + 19200), (5, 2880 + 20160)]:
        header = bytes([0x80, 111]) + number.to_bytes(2, "big") + timestamp.to_bytes(4, "big") + b"\0\0\x12\x34"
        client.send_rtp(header + OPUS_20_MS)
    desk.network.run_for(1.0)
    packets = heard(client)
    steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(packets)]
    assert steps == [960, 960, 19200, 960]
    assert [(b.sequence_number - a.sequence_number) & 0xFFFF for a, b in itertools.pairwise(packets)] == [1] * 4


def test_two_clients_behind_one_relay_see_their_own_addresses() -> None:
    """A10: XOR-MAPPED-ADDRESS is the client's address, never the relay's; replies carry its header back."""
    desk = Desk()
    via = Via(Address.of("10.0.0.1", 40000), RELAY)
    clients = [desk.dial(via=via)[1] for _ in range(2)]
    desk.connect(*clients)
    for client in clients:
        mapped = client.answers[0].find(stun.Attribute.XOR_MAPPED_ADDRESS)
        assert mapped is not None
        assert decode_xor_mapped_address(mapped, client.answers[0].transaction_id) == client.path.client
    assert {path.via for _, _, path in desk.network.downlink} == {via}


def test_a_second_session_on_a_tuple_gets_answers_and_nothing_else() -> None:
    """A14: the first living session keeps its media, the second is reported as conflicting."""
    desk = Desk()
    _, first = desk.dial()
    desk.connect(first)
    second_call, second = desk.dial(address=first.path.client)
    desk.network.attach(first, first.path.client)
    request = second.check(nominate=True)
    desk.receive(request, first.path, desk.network.now)
    sent = desk.datagrams_to_send(desk.network.now)
    assert classify(sent[0][0]) is Kind.STUN
    desk.receive(second.check(), first.path, desk.network.now)
    assert desk.datagrams_to_send(desk.network.now)
    assert desk.board.flow_conflicts == 1
    payloads = speak(first, range(1, 6), b"first")
    desk.network.run_for(0.5)
    assert [packet.payload for packet in heard(first)] == payloads
    assert second_call.session.state is SessionState.HANDSHAKING


@pytest.mark.parametrize("end", ["close", "silence"])
def test_a_second_session_on_a_tuple_connects_once_the_first_is_gone(end: str) -> None:
    """A14, C10: refused at first, it asks for the address with each check, and gets it when the first one ends."""
    desk = Desk()
    first_call, first = desk.dial()
    desk.connect(first)
    first.is_checking = end != "silence"
    second_call, second = desk.dial(address=first.path.client)  # the socket's datagrams are the second one's now
    desk.network.run_for(0.2)
    assert second.answers
    assert second_call.session.state is SessionState.HANDSHAKING
    if end == "close":
        first_call.close()
    # 7 s of silence, and the client's own timer, which has backed off by then
    assert desk.network.run_until(lambda: second_call.session.state is SessionState.CONNECTED, limit=15.0)
    desk.connect(second)
    assert desk.board.flow_conflicts == 1
    payloads = speak(second, range(1, 6), b"second")
    desk.network.run_for(0.5)
    assert [packet.payload for packet in heard(second)] == payloads


def test_strangers_are_refused_without_a_session() -> None:
    """B11, T4: an unknown ufrag gets 401 without integrity; anything else from nowhere is counted."""
    desk = Desk()
    call, client = desk.dial()
    client.remote = IceCredentials("EAAAAAAAAAAAAAAAAAAAAAAA", client.remote.pwd)
    stranger = Path(Address.of("203.0.113.66", 6666))
    desk.receive(client.check(), stranger, desk.network.now)
    [(answer, to)] = desk.datagrams_to_send(desk.network.now)
    message = stun.parse(answer)
    assert isinstance(message, stun.Message)
    assert message.message_class is stun.MessageClass.ERROR_RESPONSE
    assert message.find(stun.Attribute.MESSAGE_INTEGRITY) is None
    assert to == stranger
    desk.receive(rtp(1), stranger, desk.network.now)
    assert desk.drops == {DropReason.STUN_UNAUTHORIZED: 1, DropReason.NO_SESSION: 1}
    assert call.session.state is SessionState.CHECKING


def test_closing_says_goodbye_and_leaves_nothing_behind() -> None:
    """E14, I5: a protected BYE, a close_notify, and then every table is empty."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    call.close()
    call.close()
    desk.network.exchange()
    desk.network.run_for(1.0)
    assert client.is_closed_by_peer
    last = rtcp.parse(client.received_rtcp[-1])
    assert isinstance(last, Compound)
    assert any(isinstance(member, Goodbye) for member in last.members)
    assert len(desk.board) == 0
    assert desk.board.ended == {EndCause.CLOSED: 1}
    assert desk.board.next_timer() is None
    assert not desk.board.owns(call.ufrag)
    desk.receive(rtp(1), client.path, desk.network.now)
    assert desk.drops[DropReason.NO_SESSION] == 1
    with pytest.raises(UsageError):
        call.send_audio(OPUS_20_MS, duration=960)


def test_calls_that_never_begin_are_gone_after_thirty_seconds() -> None:
    """I10: many offers without media leave nothing behind."""
    desk = Desk()
    for _ in range(50):
        desk.accept()
    desk.network.exchange()
    assert len(desk.board) == 50
    desk.network.run_for(31.0)
    assert len(desk.board) == 0
    assert desk.board.ended == {EndCause.CHECK_TIMEOUT: 50}
    assert desk.board.next_timer() is None


def test_an_application_that_fails_ends_its_own_call_only() -> None:
    class Fragile(Echo):
        def call_connected(self, call: Call) -> None:
            call.start_echo(delivers=True)

        def packet_received(self, call: Call, packet: RtpPacket) -> None:
            if packet.payload.endswith(b"poison\x02"):
                raise RuntimeError("a bug of the application")

        def call_ended(self, call: Call, cause: EndCause) -> None:
            ended_at.append(call.now)

    ended_at: list[float] = []
    desk = Desk(Fragile())
    (_, healthy), (_, poisoned) = desk.dial(), desk.dial()
    desk.connect(healthy, poisoned)
    speak(poisoned, range(1, 4), b"poison")
    payloads = speak(healthy, range(1, 4), b"healthy")
    arrives_at = desk.network.now + desk.network.conditions.delay
    desk.network.run_for(1.0)
    assert ended_at == [arrives_at]  # with the packet, not with the next timer
    assert poisoned.is_closed_by_peer
    assert [packet.payload for packet in heard(healthy)] == payloads
    assert desk.board.ended == {EndCause.APPLICATION_FAILED: 1}


def test_everybody_who_asked_learns_of_the_end() -> None:
    """Also behind one who fails on it."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    told: list[int] = []
    for callback in (broken, lambda: told.append(1), broken, lambda: told.append(2)):
        call.on_end(callback)
    call.close()
    desk.network.run_for(1.0)
    call.close()
    desk.network.run_for(1.0)
    assert told == [1, 2]


class Alarm:
    """A companion that notes when it was woken."""

    def __init__(self) -> None:
        self.due: float | None = None
        self.woken: list[float] = []

    def next_timer(self) -> float | None:
        return self.due

    def handle_timer(self, now: float) -> None:
        self.due = None
        self.woken.append(now)

    def renegotiated(self, now: float) -> None:
        """What it does has nothing to do with audio."""


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("step", ["receive_classified", "accept_opened", "handle_timer", "outgoing"])
@pytest.mark.parametrize("closes", [True, False], ids=["closes", "cannot even close"])
def test_a_fault_of_ours_ends_its_own_call_only(step: str, closes: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is raised out of the receive path, and whoever comes next has their turn."""
    desk = Desk()
    (_, before), (call, _), (_, after) = calls = [desk.dial() for _ in range(3)]
    desk.connect(*(client for _, client in calls))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(call.session), step, of_one(call.session, step))
        if not closes:
            patch.setattr(type(call.session), "close", of_one(call.session, "close"))
        for second in range(1, 9):  # timers of ICE and reports come up
            for _, client in calls:
                client.send_rtcp(rtcp.build([rtcp.ReceiverReport(0x1234)]))
                speak(client, range(second, second + 1), b"")
            desk.network.run_for(1.0)
    said = [speak(client, range(9, 12), b"still here") for client in (before, after)]
    desk.network.run_for(1.0)
    assert [[packet.payload for packet in heard(client)][8:] for client in (before, after)] == said
    assert (desk.board.ended, len(desk.board)) == ({EndCause.INTERNAL_ERROR: 1}, 2)
    assert [record.exc_text is not None for record in caplog.records if record.msg == "internal_error"] == [True]


def of_one(session: Session, name: str) -> Callable[..., object]:
    """A method that is broken in one session alone."""
    whole = getattr(Session, name)
    return lambda self, *args, **more: broken() if self is session else whole(self, *args, **more)


def test_a_fault_in_what_is_driven_beside_a_call_ends_that_call_only() -> None:
    class Broken(Alarm):
        def handle_timer(self, now: float) -> None:
            broken()

    desk = Desk()
    calls = [desk.dial() for _ in range(3)]
    desk.connect(*(client for _, client in calls))
    alarms = [Alarm(), Broken(), Alarm()]
    for (call, _), alarm in zip(calls, alarms, strict=True):
        call.companion = alarm
        alarm.due = desk.network.now + 0.01
        call.wake()
    desk.network.run_for(1.0)
    assert [len(alarm.woken) for alarm in alarms] == [1, 0, 1]
    assert (desk.board.ended, calls[1][1].is_closed_by_peer) == ({EndCause.INTERNAL_ERROR: 1}, True)


@pytest.mark.parametrize("raises", ["next_timer", "handle_timer"])
def test_a_fault_in_what_a_packet_wakes_ends_its_call_only(raises: str) -> None:
    """A packet that was counted in its batch goes to the application, and what is driven beside the call is asked."""

    class Deaf(Echo):
        def call_connected(self, call: Call) -> None:
            """Packets come to Python."""

        def packet_received(self, call: Call, packet: RtpPacket) -> None:
            alarms[call].due = call.now
            received[call] += 1

    desk = Desk(Deaf())
    calls = [desk.dial() for _ in range(3)]
    alarms = {call: Alarm() for call, _ in calls}
    received = dict.fromkeys(alarms, 0)
    desk.connect(*(client for _, client in calls))
    for number in range(1, 6):
        for call, client in calls:
            call.companion = alarms[call]
            speak(client, range(number, number + 1), b"")
        desk.network.run_for(0.1)
        if number == 3:
            setattr(alarms[calls[1][0]], raises, broken)
    assert list(received.values()) == [5, 4, 5]
    assert (desk.board.ended, calls[1][1].is_closed_by_peer) == ({EndCause.INTERNAL_ERROR: 1}, True)


def test_the_application_learns_of_beginning_and_end() -> None:
    class Witness(Echo):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[object] = []

        def call_connected(self, call: Call) -> None:
            self.seen.append(("connected", call.can_send, call.path))
            super().call_connected(call)

        def call_ended(self, call: Call, cause: EndCause) -> None:
            self.seen.append(("ended", cause, call.statistics))
            super().call_ended(call, cause)

    witness = Witness()
    desk = Desk(witness)
    _, client = desk.dial()
    desk.connect(client)
    speak(client, range(1, 4), b"")
    desk.network.run_for(0.5)
    client.close(desk.network.now)
    desk.network.run_for(0.5)
    (connected, can_send, path), (ended, cause, statistics) = witness.seen  # type: ignore[misc]
    assert (connected, can_send, path) == ("connected", True, client.path)
    assert (ended, cause) == ("ended", EndCause.PEER_CLOSED)
    assert (statistics.packets_received, statistics.packets_sent) == (3, 3)


def test_what_a_call_drives_keeps_its_own_time() -> None:
    """A companion is woken when it wants to be, also where a packet of media or ``wake`` has brought that nearer."""

    class Patient(Echo):
        def call_connected(self, call: Call) -> None:
            call.companion = alarm

        def packet_received(self, call: Call, packet: RtpPacket) -> None:
            alarm.due = call.now + 0.03
            expected.append(alarm.due)

    expected: list[float] = []
    alarm = Alarm()
    desk = Desk(Patient())
    call, client = desk.dial()
    desk.connect(client)
    for number in range(1, 4):
        speak(client, range(number, number + 1), b"")
        desk.network.run_for(0.2)
    alarm.due = desk.network.now + 0.01
    expected.append(alarm.due)
    call.wake()
    desk.network.run_for(0.1)
    assert alarm.woken == pytest.approx(expected)
    alarm.due = desk.network.now + 0.01
    call.close()
    desk.network.run_for(0.1)
    assert len(alarm.woken) == 4


def test_reports_are_exchanged_while_the_call_lasts() -> None:
    desk = Desk()
    _, client = desk.dial()
    desk.connect(client)
    for number in range(1, 500):
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(0.02)
    assert len(client.received_rtcp) >= 2


def test_an_offer_that_cannot_be_answered_makes_no_call() -> None:
    desk = Desk()
    with pytest.raises(SdpError):
        desk.accept(b"v=0\r\n")
    assert len(desk.board) == 0


def test_an_ice_restart_keeps_the_echo_and_retires_the_old_ufrag() -> None:
    """C18: both ufrags lead to the call meanwhile, each packet comes back; then the old one is a stranger's."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    old, remote = call.ufrag, IceCredentials("cli2", "secondclientpassword1234")
    local = desk.factory.credentials(desk.board.owns)
    desk.board.restart(call, local, remote, desk.network.now)
    assert KEYS.open(local.ufrag).route == ROUTE  # type: ignore[union-attr]
    assert desk.board.owns(old)
    assert desk.board.owns(local.ufrag)
    said = speak(client, range(1, 10), b"old")
    away = Address.of("198.51.100.99", 40000)
    desk.network.attach(client, away)
    client.restart_ice(away, remote, local)
    desk.network.run_for(0.5)
    said += speak(client, range(10, 20), b"new")
    desk.network.run_for(0.5)
    assert [packet.payload for packet in heard(client)] == said
    assert (call.path, call.ufrag, desk.board.ice_restarts) == (Path(away), local.ufrag, 1)
    desk.network.run_for(3.0)
    assert not desk.board.owns(old)
    assert desk.board.owns(local.ufrag)
    call.close()
    desk.network.exchange()
    assert not desk.board.owns(local.ufrag)
    assert desk.board.next_timer() is None


def test_an_echo_of_redundancy_is_redundancy() -> None:
    """F36: the answer asks a browser for RED; what comes goes back, timestamps and all."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    assert call.audio is not None
    assert call.audio.red is not None
    payloads = [red.build([red.RedBlock(111, 960, OPUS_20_MS)], 111, OPUS_20_MS + bytes([n])) for n in range(1, 6)]
    for number, payload in enumerate(payloads, 1):
        client.send_rtp(rtp(number, payload, payload_type=63))
    desk.network.run_for(1.0)
    assert [(packet.payload_type, packet.payload) for packet in heard(client)] == [(63, p) for p in payloads]
    steps = [b.timestamp - a.timestamp & 0xFFFFFFFF for a, b in itertools.pairwise(heard(client))]
    assert steps == [960] * 4


def test_a_call_is_half_open_until_it_has_keys() -> None:
    """D18: 1,000 that never begin are counted, harm nobody, and are gone after 30 s."""
    desk = Desk()
    _, client = desk.dial()
    for _ in range(1000):
        desk.accept()
    assert desk.board.half_open == 1001
    desk.connect(client)
    assert desk.board.half_open == 1000
    said = speak(client, range(1, 6), b"unharmed")
    desk.network.run_for(31.0)
    assert [packet.payload for packet in heard(client)] == said
    assert (desk.board.half_open, len(desk.board)) == (0, 1)


def test_the_selected_address_outlives_many_others() -> None:
    """C9, C10: a backup that shows another port in every check pushes its own addresses out, never the selected one."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    others = [Path(Address.of("203.0.113.9", port)) for port in range(1000, 1040)]
    for number, other in enumerate(others):
        client.send_raw(client.check(), other)
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(0.02)
    desk.network.run_for(0.1)
    assert call.path == client.path
    assert len(heard(client)) == len(others)
    assert not desk.drops
    known = [other for other in others if desk.board._registry.table.of_client(other.client) is call]
    assert known == others[-15:]
    assert len(desk.board.table) == 16


def test_a_ufrag_that_a_living_call_has_is_not_given_again() -> None:
    """C19: until one is found that nobody has."""
    asked: list[str] = []

    def is_taken(ufrag: str) -> bool:
        asked.append(ufrag)
        return len(asked) < 4

    assert Desk().factory.credentials(is_taken).ufrag == asked[-1]
    assert len(set(asked)) == 4


def test_nothing_goes_back_behind_the_peers_goodbye_in_one_batch() -> None:
    """C15: what may be done without asking ends with whatever has to be looked at first."""
    desk = Desk()
    _, client = desk.dial()
    desk.connect(client)
    for number in range(5):
        client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(0.02)
    assert client.srtp is not None
    client.close(desk.network.now)
    goodbye = client.dtls.datagrams_to_send(desk.network.now)
    behind = [client.srtp.protect(rtp(number, OPUS_20_MS)) for number in range(5, 9)]
    desk.receive_batch([(datagram, client.path) for datagram in (*goodbye, *behind)], desk.network.now)
    assert desk.datagrams_to_send(desk.network.now) == []
    assert desk.board.calls() == []
    assert desk.drops == {DropReason.NO_SESSION: len(behind)}


def test_a_packet_that_is_missing_is_asked_for() -> None:
    """F37: behind packets that nobody was asked about, alone and in the middle of a batch."""

    class Listener(Echo):
        def call_connected(self, call: Call) -> None:
            """No echo, which would have each packet asked for where it may have to be repeated."""

    desk = Desk(Listener())
    _, client = desk.dial(has_nack=True)
    desk.connect(client)
    for together in ((1,), (2,), (3,), (5,), (6, 7, 9, 10)):
        for number in together:
            client.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(0.1)
    asked = [rtcp.parse(packet) for packet in client.received_rtcp]
    members = [member for compound in asked if isinstance(compound, Compound) for member in compound.members]
    nacks = [parse_nack(member.control_information) for member in members if isinstance(member, rtcp.Feedback)]
    assert {number for numbers in nacks for number in numbers or ()} == {4, 8}


def test_the_transport_of_a_call_is_told_as_getstats_would() -> None:
    desk = Desk()
    call, client = desk.dial()
    assert call.transport == TransportStatistics("checking", "new", "client", None, None, 0)
    desk.receive(client.check(), client.path, desk.network.now)
    assert call.transport == TransportStatistics("connected", "connecting", "client", None, client.path.client, 1)
    desk.connect(client)
    connected = call.transport
    assert (connected.dtls_state, connected.srtp_cipher) == ("connected", "SRTP_AES128_CM_HMAC_SHA1_80")
    moved = Address.of("198.51.100.200", 9)
    desk.network.attach(client, moved)
    client.move(moved)
    desk.network.run_for(0.5)
    assert (call.transport.remote_address, call.transport.selected_candidate_pair_changes) == (moved, 2)
    call.close()
    desk.network.run_for(0.1)
    assert (call.transport.ice_state, call.transport.dtls_state) == ("closed", "closed")
    assert call.transport.remote_address is None


def test_an_address_that_a_check_pushes_out_is_not_heard_behind_it() -> None:
    """C9: in one batch too, where its packet was opened before the check was looked at."""
    desk = Desk()
    call, client = desk.dial()
    desk.connect(client)
    first, *others = (Path(Address.of("203.0.113.9", port)) for port in range(1000, 1016))
    client.send_raw(client.check(), first)
    desk.network.run_for(0.1)
    for other in others:
        client.send_raw(client.check(), other)
    assert client.srtp is not None
    client.send_raw(client.srtp.protect(rtp(1, OPUS_20_MS)), first)
    desk.network.run_for(0.1)
    assert call.statistics is not None
    assert call.statistics.packets_received == 0
    assert sum(desk.drops.values()) == 1


def test_checks_in_a_victims_name_cost_it_a_check_interval_at_most() -> None:
    """T12, A14: an attacker with a call of its own claims the victim's address all the time; a gap lets it in."""
    desk = Desk()
    (victim_call, victim), (_, attacker) = desk.dial(), desk.dial()
    desk.connect(victim, attacker)
    desk.network.drop_if = lambda datagram, is_uplink: not is_uplink and classify(datagram) is Kind.STUN
    missing = []
    for number in range(1000):
        is_away = 100 <= number < 150  # a second without a datagram of the victim's
        victim.is_checking = not is_away
        if not is_away:
            victim.send_rtp(rtp(number, OPUS_20_MS))
        attacker.send_raw(attacker.check(nominate=True), victim.path)
        attacker.send_rtp(rtp(number, OPUS_20_MS))
        before = len(victim.received_rtp)
        desk.network.run_for(0.02)
        if not is_away and len(victim.received_rtp) == before:
            missing.append(number)
    assert victim_call.path == victim.path
    assert victim_call.session.state is SessionState.CONNECTED
    assert len(missing) <= victim.check_interval / 0.02 + 3
    assert max(missing, default=0) < 150 + victim.check_interval / 0.02 + 3


def test_a_flood_of_reports_disturbs_nobody_else() -> None:
    """F33, T23: 10,000 genuine RTCP packets a second on one call: 200 are read; another call's audio is all there."""
    desk = Desk()
    (_, loud), (_, other) = desk.dial(), desk.dial()
    desk.connect(loud, other)
    desk.network.run_for(1.0)
    report = bytes.fromhex("80c90001") + (0x1234).to_bytes(4, "big")
    for number in range(50):
        other.send_rtp(rtp(number, OPUS_20_MS))
        for _ in range(200):
            loud.send_rtcp(report)
        desk.network.run_for(0.02)
    desk.network.run_for(0.1)
    assert len(heard(other)) == 50
    assert set(desk.drops) == {DropReason.RTCP_RATE}
    assert 9_700 <= desk.drops[DropReason.RTCP_RATE] <= 9_850
    loud.send_rtp(rtp(1, OPUS_20_MS))
    desk.network.run_for(0.1)
    assert len(heard(loud)) == 1
