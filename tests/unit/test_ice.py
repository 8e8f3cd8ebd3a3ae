"""The life of an IceLite: what it sends on its own, what ends it."""

from __future__ import annotations

import random

import pytest
from aioice import stun as oracle

from rtcsplit.drops import DropReason
from rtcsplit.session.events import ConsentExpired
from rtcsplit.session.ice_state import State
from tests.ice_peer import AWAY, HOME, SERVER, THIRD, Peer, connected


def classes(peer: Peer) -> list[oracle.Class]:
    return [oracle.parse_message(datagram).message_class for _, datagram, _ in peer.sent]


def test_a_lite_agent_asks_nothing() -> None:
    """C1: over a long call with moves and silence, only responses and indications leave."""
    peer = connected()
    for index in range(60):
        peer.at(index * 4)
        peer.checks((HOME, AWAY, THIRD)[index // 20], nominate=index % 7 == 0)
    peer.at(300)
    assert set(classes(peer)) == {oracle.Class.RESPONSE, oracle.Class.INDICATION}


def test_nothing_is_sent_before_an_authenticated_check() -> None:
    """C8: however long it waits, and whatever else arrives."""
    peer = Peer()
    peer.send(b"\x16\xfe\xfd" + bytes(20))
    peer.send(b"")
    peer.at(29.9)
    assert peer.sent == []
    assert peer.ice.path is None


def test_every_authenticated_check_is_answered_on_its_own_tuple() -> None:
    """C24: backup tuples keep getting answers, and without USE-CANDIDATE the path stays."""
    peer = connected()
    peer.sent.clear()
    for index in range(30):
        peer.at(index * 0.2)
        peer.checks(HOME)
        peer.checks(AWAY)
        peer.checks(THIRD)
    assert [path for _, _, path in peer.sent] == [HOME, AWAY, THIRD] * 30
    assert peer.moves == [(0, HOME)]


@pytest.mark.parametrize("talks", [True, False])
def test_consent_ends_thirty_seconds_after_the_last_check(talks: bool) -> None:
    """C14: media alone does not keep it."""
    peer = connected()
    peer.at(12)
    peer.checks(HOME)
    for offset in range(13, 42):
        peer.at(offset)
        if talks:
            peer.media(HOME)
    assert peer.ice.path == HOME
    peer.at(45)
    assert [(at, event) for at, event in peer.events if isinstance(event, ConsentExpired)] == [
        (42, ConsentExpired(was_connected=True))
    ]
    assert peer.ice.path is None
    assert peer.ice.clients == ()
    assert peer.ice.next_timer() is None


def test_without_a_first_check_the_session_ends_after_thirty_seconds() -> None:
    """T27."""
    peer = Peer()
    peer.at(29)
    peer.send(peer.check(key=b"wrong"))
    peer.at(100)
    assert peer.events == [(30, ConsentExpired(was_connected=False))]


@pytest.mark.parametrize("interval", [2.5, 5.8, 6.0])
def test_ordinary_check_intervals_keep_consent_through_loss(interval: float) -> None:
    """C16: five minutes with 20 % loss of checks; only five lost in a row (1 in 3,000) would end the longest one."""
    loss = random.Random(8445)
    peer = connected()
    offset = 0.0
    while offset < 300:
        offset += interval
        peer.at(offset)
        if loss.random() >= 0.2:
            peer.checks(HOME)
    assert peer.ice.state is State.SELECTED


def test_after_close_nothing_is_sent_or_taken() -> None:
    """C15: close_notify or deletion; no event, for the caller knows."""
    peer = connected()
    assert peer.ice.receive(peer.check(), HOME, peer.now) is None
    peer.ice.close()
    peer.ice.close()
    peer.sent.clear()
    peer.drain()
    assert peer.send(peer.check(nominate=True), AWAY) is DropReason.SESSION_CLOSED
    peer.media(HOME)
    peer.handshake_ends()
    peer.ice.note_sent(peer.now)
    peer.ice.handle_timer(peer.now + 100)
    peer.at(100)
    assert peer.sent == []
    assert len(peer.events) == 1
    assert peer.snapshot()[:4] == (State.CLOSED, None, (), None)


def test_an_idle_pair_gets_one_indication_each_fifteen_seconds() -> None:
    """C17: our answers to checks do not count, being no traffic of the pair's data."""
    peer = connected()
    for offset in range(0, 61, 4):
        peer.at(offset)
        peer.checks(HOME)
    idle = [(at, datagram, path) for at, datagram, path in peer.sent if datagram[:2] == b"\0\x11"]
    assert [at for at, _, _ in idle] == [15, 30, 45, 60]
    assert {path for _, _, path in idle} == {HOME}
    for _, datagram, _ in idle:
        indication = oracle.parse_message(datagram)
        assert indication.message_class is oracle.Class.INDICATION
        assert indication.attributes.keys() == {"FINGERPRINT"}
    assert len({datagram[8:20] for _, datagram, _ in idle}) == len(idle)


def test_a_move_starts_the_fifteen_seconds_anew() -> None:
    """C17: the session repeats its flight or sends media on the new pair."""
    peer = connected()
    peer.at(10)
    peer.checks(AWAY, nominate=True)
    peer.at(26)
    assert [(at, path) for at, datagram, path in peer.sent if datagram[:2] == b"\0\x11"] == [(25, AWAY)]


def test_no_indication_while_media_flows() -> None:
    """C17."""
    peer = connected()
    for offset in range(0, 100, 5):
        peer.at(offset)
        peer.ice.note_sent(peer.now)
        peer.checks(HOME)
    assert set(classes(peer)) == {oracle.Class.RESPONSE}


def test_a_password_never_shows_in_a_representation() -> None:
    """T30."""
    peer = connected()
    assert SERVER.pwd not in repr(peer.ice) + repr([getattr(peer.ice, name) for name in peer.ice.__slots__])
