"""The client's address changes in the middle of a call, with SRTP flowing both ways on virtual time.

::

    client 198.51.100.7:50000 ---- 10 ms ----> session         before
           198.51.100.7:50001 ---- 10 ms ---->                 after: datagrams to :50000 are lost
    attacker 203.0.113.66:6666 ------------->                  has captured checks, and no password

*Rebound*: a NAT forgot its mapping; the client notices nothing and checks when it would anyway. *Moved*: the client
changed networks and checks at once. Three habits of checking: Chromium nominates in every check, Firefox in its first
alone and aiortc in its second; these two check every 5 s, give or take a fifth.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.session.events import PathCause, PathChanged, RtpReceived, SessionConnected
from rtcsplit.session.negotiation import DtlsRole
from rtcsplit.wire.address import Address, Path
from rtcsplit.wire.packet import Kind, classify

from ..calls import CLIENT_ADDRESS, OTHER_ADDRESS, STRANGER, VirtualCall, rtp, virtual_call
from ..desk import OPUS_20_MS, Desk, heard
from ..link import Conditions

TICK = 0.02
ROUND_TRIP = 0.02
SILENCE = 0.650  # checklist C10: 600 ms, and what a tick and a link add


@dataclass(frozen=True)
class Habit:
    """How a client checks."""

    nominates: str
    interval: float
    cause: PathCause


HABITS = {
    "Chromium": Habit("always", 2.5, PathCause.NOMINATED),
    "Firefox": Habit("first", 6.0, PathCause.REBOUND),
    "aiortc": Habit("first", 6.0, PathCause.REBOUND),
}
EACH_HABIT = pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
ROLES = pytest.mark.parametrize("role", list(DtlsRole), ids=lambda role: role.value)


class Conversation:
    """A connected call whose sides send a packet every 20 ms.

    Attributes:
        sent: how many each side has sent.
        heard: for each packet that reached the client, its number and when.
    """

    def __init__(self, habit: Habit, role: DtlsRole, conditions: Conditions | None = None) -> None:
        self.call = virtual_call(
            server_role=role, nominates=habit.nominates, check_interval=habit.interval, conditions=conditions
        )
        self.call.connect()
        self.call.network.run_for(0.5)
        for refused in (self.call.server.drops, self.call.client.refused):
            refused.clear()  # copies of the handshake's flights
        self.sent = 0
        self.heard: list[tuple[int, float]] = []

    def talk(self, seconds: float, *, every: float = TICK, client_every: int = 1) -> None:
        call = self.call
        for _ in range(round(seconds / every)):
            if self.sent % client_every == 0:
                call.client.send_rtp(rtp(self.sent))
            call.server.session.send_rtp(rtp(self.sent, ssrc=0x9999), call.network.now)
            self.sent += 1
            call.network.run_for(every)
            while len(self.heard) < len(call.client.received_rtp):
                number = int.from_bytes(call.client.received_rtp[len(self.heard)][2:4], "big")
                self.heard.append((number, call.network.now))

    def change(self, address: Address, *, is_rebound: bool) -> None:
        """What was sent to the old address from here on is lost."""
        network, client = self.call.network, self.call.client
        network.detach(client.path.client)
        network.attach(client, address)
        if is_rebound:
            client.rebind(address)
        else:
            client.move(address)
        network.downlink.clear()
        network.uplink.clear()

    def gap_after(self, moment: float) -> float:
        """From ``moment`` until something was heard."""
        return next(at for _, at in self.heard if at > moment + ROUND_TRIP) - moment


def moves(call: VirtualCall) -> list[tuple[Path, PathCause]]:
    return [(event.path, event.cause) for event in call.server.of_type(PathChanged)][1:]


def kinds_sent(call: VirtualCall) -> set[Kind]:
    both = (datagram for _, datagram, _ in (*call.network.downlink, *call.network.uplink))
    return {kind for datagram in both if isinstance(kind := classify(datagram), Kind)}


def check_unharmed(conversation: Conversation) -> None:
    """No handshake, no SRTP failure on either side, nothing to the old address after the move, downlink in order."""
    call = conversation.call
    assert len(call.server.of_type(SessionConnected)) == 1
    assert Kind.DTLS not in kinds_sent(call)
    assert set(call.server.drops) <= {DropReason.PATH_UNAUTHENTICATED}
    assert not call.client.refused
    numbers = [number for number, _ in conversation.heard]
    assert numbers == sorted(numbers)
    assert numbers[-1] == conversation.sent - 1
    to = [path.client for _, datagram, path in call.network.downlink if classify(datagram) is not Kind.STUN]
    assert CLIENT_ADDRESS not in to[to.index(OTHER_ADDRESS) :]


@EACH_HABIT
@ROLES
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.7])
def test_a_nat_that_rebinds_costs_one_check_interval_at_most(habit: Habit, role: DtlsRole, phase: float) -> None:
    """C10: downlink is back within the interval + 650 ms, wherever in the interval it happened."""
    conversation = Conversation(habit, role)
    conversation.talk(2.0 + phase * habit.interval)
    moment = conversation.call.network.now
    conversation.change(OTHER_ADDRESS, is_rebound=True)
    conversation.talk(habit.interval + 2.0)
    assert conversation.gap_after(moment) <= habit.interval + SILENCE + ROUND_TRIP
    assert moves(conversation.call) == [(Path(OTHER_ADDRESS), habit.cause)]
    check_unharmed(conversation)


@EACH_HABIT
@ROLES
def test_a_client_that_moves_is_followed_within_650_ms(habit: Habit, role: DtlsRole) -> None:
    """C10: with its first check, or 600 ms of silence, whichever is later."""
    conversation = Conversation(habit, role)
    conversation.talk(2.0)
    moment = conversation.call.network.now
    conversation.change(OTHER_ADDRESS, is_rebound=False)
    conversation.talk(4.0)
    limit = ROUND_TRIP + TICK if habit.cause is PathCause.NOMINATED else SILENCE + ROUND_TRIP
    assert conversation.gap_after(moment) <= limit + TICK
    assert moves(conversation.call) == [(Path(OTHER_ADDRESS), habit.cause)]
    check_unharmed(conversation)


@EACH_HABIT
def test_every_uplink_packet_after_the_first_check_is_taken(habit: Habit) -> None:
    """C9, C10: what comes from a tuple before its check is dropped and counted, nothing else is."""
    conversation = Conversation(habit, DtlsRole.CLIENT)
    conversation.talk(2.0)
    conversation.change(OTHER_ADDRESS, is_rebound=True)
    conversation.talk(habit.interval + 2.0)
    call = conversation.call
    call.network.run_for(0.1)
    taken = [int.from_bytes(event.packet[2:4], "big") for event in call.server.of_type(RtpReceived)]
    missing = set(range(conversation.sent)) - set(taken)
    assert len(missing) == call.server.drops[DropReason.PATH_UNAUTHENTICATED]
    assert sorted(missing) == list(range(min(missing), min(missing) + len(missing)))
    assert len(missing) * TICK <= habit.interval + ROUND_TRIP


@EACH_HABIT
def test_gaps_of_discontinuous_transmission_move_nothing(habit: Habit) -> None:
    """C10: a backup address is checked while the speaker pauses for 400 ms between packets."""
    conversation = Conversation(habit, DtlsRole.CLIENT)
    call = conversation.call
    conversation.talk(1.0)
    for _ in range(20):
        call.server.receive(call.client.check(), Path(OTHER_ADDRESS), call.network.now)
        conversation.talk(0.4, client_every=20)
    assert moves(call) == []
    assert call.server.session.path == Path(CLIENT_ADDRESS)


@EACH_HABIT
def test_a_restless_client_is_followed_over_a_bad_link(habit: Habit) -> None:
    """C10: five moves in half a minute, with jitter and duplicates; keys and streams are those of the beginning."""
    conversation = Conversation(habit, DtlsRole.CLIENT, Conditions(delay=0.01, jitter=0.03, duplication=0.05))
    call = conversation.call
    for step in range(5):
        conversation.talk(3.0)
        conversation.change(Address.of("198.51.100.9", 40000 + step), is_rebound=False)
    conversation.talk(3.0)
    assert call.server.session.path == call.client.path
    assert len(call.server.of_type(SessionConnected)) == 1
    assert Kind.DTLS not in kinds_sent(call)
    allowed = {DropReason.PATH_UNAUTHENTICATED, DropReason.SRTP_REPLAYED}
    assert set(call.server.drops) <= allowed
    assert set(call.client.refused) <= allowed


@EACH_HABIT
@pytest.mark.parametrize("after", [0.001, 70.0, 1800.0], ids=lambda seconds: f"{seconds:g} s")
def test_a_captured_check_moves_nothing(habit: Habit, after: float) -> None:
    """C11, T3: answered at most, from wherever it comes; nobody but the client is sent media."""
    conversation = Conversation(habit, DtlsRole.CLIENT)
    call = conversation.call
    conversation.talk(1.0)
    captured = [datagram for _, datagram, _ in call.network.uplink if classify(datagram) is Kind.STUN]
    call.network.run_for(after)
    call.network.downlink.clear()
    for datagram in captured:
        assert call.server.receive(datagram, Path(STRANGER), call.network.now) is None
    conversation.talk(1.0)
    assert moves(call) == []
    to_stranger = [datagram for _, datagram, path in call.network.downlink if path.client == STRANGER]
    assert {classify(datagram) for datagram in to_stranger} == {Kind.STUN}
    assert len(to_stranger) == len(captured)


@EACH_HABIT
def test_a_replay_while_the_client_is_gone_does_not_get_its_media(habit: Habit) -> None:
    """T3: the old tuple is silent, the only checks are captured ones; the client's own next check is followed."""
    conversation = Conversation(habit, DtlsRole.CLIENT)
    call = conversation.call
    conversation.talk(1.0)
    captured = [datagram for _, datagram, _ in call.network.uplink if classify(datagram) is Kind.STUN]
    conversation.change(OTHER_ADDRESS, is_rebound=True)
    call.client.is_checking = False
    for _ in range(10):
        for datagram in captured:
            call.server.receive(datagram, Path(STRANGER), call.network.now)
        conversation.talk(1.0)
    assert moves(call) == []
    call.client.is_checking = True
    conversation.talk(habit.interval + 1.0)
    assert moves(call) == [(Path(OTHER_ADDRESS), habit.cause)]
    to_stranger = {classify(datagram) for _, datagram, path in call.network.downlink if path.client == STRANGER}
    assert to_stranger == {Kind.STUN}


@EACH_HABIT
def test_the_echo_comes_back_at_the_new_address(habit: Habit) -> None:
    """C10, A14: through the switchboard; a neighbour's call knows nothing of it."""
    desk = Desk()
    (_, client), (_, neighbour) = desk.dial(nominates=habit.nominates), desk.dial()
    desk.connect(client, neighbour)
    client.check_interval = habit.interval
    for number in range(1, 600):
        if number == 100:
            desk.network.detach(client.path.client)
            away = Address.of("198.51.100.200", 9)
            desk.network.attach(client, away)
            client.rebind(away)
        for peer in (client, neighbour):
            peer.send_rtp(rtp(number, OPUS_20_MS))
        desk.network.run_for(TICK)
    desk.network.run_for(0.1)
    back = {packet.sequence_number for packet in heard(client)}
    lost = 599 - len(back)
    assert lost * TICK <= habit.interval + SILENCE + 2 * ROUND_TRIP
    assert len(heard(neighbour)) == 599
    assert set(desk.board.drops) <= {DropReason.NO_SESSION}
