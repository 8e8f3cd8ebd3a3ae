"""Where IceLite sends: early start, nomination, the hold, and moving away from silence, on a made-up clock.

- HOME  198.51.100.7:50000, the tuple of the first check
- AWAY  198.51.100.8:60000, where the client comes from after its network changed
- THIRD [2001:db8::9]:7
"""

from __future__ import annotations

import itertools

import pytest

from rtcsplit.session.events import PathCause, PathChanged
from rtcsplit.session.ice_state import State
from rtcsplit.session.ice_transactions import CAPACITY
from rtcsplit.wire.address import Address, Path
from tests.ice_peer import AWAY, HOME, NORTH, SOUTH, THIRD, Peer, connected


def causes(peer: Peer) -> list[PathCause]:
    return [event.cause for _, event in peer.events if isinstance(event, PathChanged)]


def talk(peer: Peer, start: float, end: float, path: Path = HOME, *, every: float = 0.02) -> None:
    """SRTP from ``path`` at a steady pace, from ``start`` until just before ``end``."""
    for index in itertools.count():
        offset = start + index * every
        if offset >= end - 1e-9:
            return
        peer.at(offset)
        peer.media(path)


def test_the_first_check_makes_its_tuple_usable_without_nomination() -> None:
    """C6, C7: no candidate of the client is known to us at all."""
    peer = Peer()
    assert peer.ice.path is None
    peer.checks(HOME)
    assert peer.ice.path == HOME
    assert peer.ice.state is State.PROVISIONAL
    assert peer.moves == [(0, HOME)]
    assert causes(peer) == [PathCause.PROVISIONAL]


def test_the_newest_checked_tuple_is_the_provisional_one() -> None:
    """C7, C10: also over a nominated one, and back, until the handshake ends; each change is told."""
    peer = Peer()
    for offset, path, nominate in ((0.0, HOME, True), (0.05, AWAY, False), (0.1, THIRD, False), (0.15, HOME, False)):
        peer.at(offset)
        peer.checks(path, nominate=nominate)
        assert peer.ice.path == path
    assert [path for _, path in peer.moves] == [HOME, AWAY, THIRD, HOME]
    assert causes(peer) == [PathCause.NOMINATED] + [PathCause.PROVISIONAL] * 3


def test_a_later_nomination_on_the_same_tuple_is_no_change() -> None:
    """C7: it confirms; libwebrtc does it 1 to 3 s after its first check."""
    peer = Peer()
    peer.checks(HOME)
    peer.handshake_ends()
    peer.at(1.2)
    peer.checks(HOME, nominate=True)
    assert peer.moves == [(0, HOME)]


def test_the_handshake_cannot_end_before_it_began() -> None:
    """Style, section 7: a call that the table does not know changes nothing."""
    peer = Peer()
    before = peer.snapshot()
    peer.handshake_ends()
    assert peer.snapshot() == before


def test_a_nomination_from_another_tuple_moves_the_path_at_once() -> None:
    """C10: Chromium after a change of network: its next check carries USE-CANDIDATE."""
    peer = connected()
    talk(peer, 0, 3)
    peer.at(3.3)
    peer.checks(AWAY, nominate=True)
    assert peer.moves == [(0, HOME), (3.3, AWAY)]
    assert causes(peer)[-1] is PathCause.NOMINATED
    assert peer.ice.path == AWAY


@pytest.mark.parametrize("first_check", [3.02, 3.3, 3.58, 3.62, 8.5], ids=lambda at: f"check at {at}")
def test_a_check_without_nomination_moves_the_path_once_the_talking_tuple_is_silent(first_check: float) -> None:
    """C10: Firefox after NAT rebinding: with the first check or 600 ms of silence, whichever is later."""
    peer = connected()
    for offset in (0.0, 3.0):
        talk(peer, offset, offset + 3 if offset == 0 else offset + 0.001)
    peer.at(first_check)
    peer.checks(AWAY)
    peer.at(9)
    assert [path for _, path in peer.moves] == [HOME, AWAY]
    assert peer.moves[1][0] == pytest.approx(max(first_check, 3.6), abs=1e-6)
    assert causes(peer)[-1] is PathCause.REBOUND


@pytest.mark.parametrize("first_check", [1.0, 6.9, 7.1], ids=lambda at: f"check at {at}")
def test_without_media_silence_takes_seven_seconds(first_check: float) -> None:
    """C10: a client that only listens is heard of every few seconds at best."""
    peer = connected()
    peer.at(first_check)
    peer.checks(AWAY)
    peer.at(9)
    assert peer.moves[1][0] == pytest.approx(max(first_check, 7))


def test_silence_is_counted_from_the_end_of_the_handshake() -> None:
    """C10: a handshake that lost flights for six seconds is no silence."""
    peer = Peer()
    peer.checks(HOME)
    peer.at(6)
    peer.handshake_ends()
    peer.at(6.5)
    peer.checks(AWAY)
    peer.at(14)
    assert peer.moves[1:] == [(13, AWAY)]


def test_media_that_stopped_longer_ago_than_two_seconds_counts_as_none() -> None:
    """C10: a muted client. Its last check, not its last word, starts the seven seconds."""
    peer = connected()
    talk(peer, 0, 1)
    peer.at(2.4)
    peer.checks(HOME)
    peer.at(2.9)
    peer.checks(AWAY)
    peer.at(12)
    assert peer.moves[1][0] == pytest.approx(2.4 + 7)


def test_media_on_the_other_tuple_shows_that_the_selected_one_is_silent() -> None:
    """C10: a listener's address changes, and it starts to speak from the new one."""
    peer = connected()
    peer.at(4)
    peer.checks(AWAY)
    peer.at(5)
    assert peer.ice.path == HOME
    peer.media(AWAY)
    assert peer.moves[1:] == [(5, AWAY)]


def test_gaps_of_discontinuous_transmission_move_nothing() -> None:
    """C10: Opus DTX sends every 400 ms, while a backup tuple goes on checking."""
    peer = connected()
    for index in range(100):
        peer.at(0.4 * index)
        peer.media(HOME)
        if index % 5 == 0:
            peer.checks(HOME)
        peer.at(0.4 * index + 0.1)
        peer.checks(AWAY)
    assert peer.moves == [(0, HOME)]


def test_sparse_rtcp_does_not_make_short_silence_a_loss() -> None:
    """C10: receiver reports each second keep the tuple alive, and 600 ms without one say nothing."""
    peer = connected()
    for index in range(20):
        peer.at(index)
        peer.ice.note_authenticated_rtcp(HOME, peer.now)
        peer.at(index + 0.5)
        peer.checks(AWAY)
    peer.at(30)
    assert peer.moves[1:] == [(pytest.approx(19 + 7), AWAY)]


def test_a_check_waits_for_silence_ten_seconds_at_most() -> None:
    """C10, ours: a stall of the living tuple must not send the call to one that was last heard of long ago."""
    peer = connected()
    peer.checks(AWAY)
    talk(peer, 0.02, 20)
    peer.checks(HOME)
    peer.at(29)
    assert peer.moves == [(0, HOME)]


def test_the_old_tuple_gets_nothing_more_but_answers() -> None:
    """C9, C10, C24: after the move only checks of the old tuple are answered, there."""
    peer = connected()
    peer.at(1)
    peer.checks(AWAY, nominate=True)
    peer.sent.clear()
    for offset in (10.0, 20.0, 30.0):
        peer.at(offset)
        peer.checks(AWAY)
    peer.at(40)
    assert {path for _, _, path in peer.sent} == {AWAY}
    peer.checks(HOME)
    assert peer.sent[-1][2] == HOME


def test_two_tuples_that_both_nominate_all_the_time_move_the_path_twice_a_second_at_most() -> None:
    """C12: aggressive nomination, with equal priorities and with either one higher."""
    for first, second in ((5, 5), (5, 9), (9, 5)):
        peer = connected()
        for tick in range(400):
            peer.at(tick * 0.025)
            peer.checks(*((HOME,) if tick % 2 else (AWAY,)), nominate=True, priority=second if tick % 2 else first)
        times = [at for at, _ in peer.moves[1:]]
        assert times, "the path is free to move"
        for at in times:
            assert sum(at <= other < at + 1 - 1e-6 for other in times) <= 2, (first, second, times)


@pytest.mark.parametrize(
    ("offset", "priority", "moves"),
    [(0.49, 5, False), (0.49, 6, True), (0.49, 4, False), (0.51, 4, True)],
    ids=["held", "higher passes", "lower is held", "after the hold priority is nothing"],
)
def test_within_half_a_second_of_a_move_only_a_higher_priority_moves(offset: float, priority: int, moves: bool) -> None:
    """C10."""
    peer = connected()
    peer.at(10)
    peer.checks(AWAY, nominate=True, priority=5)
    peer.at(10 + offset)
    peer.checks(THIRD, nominate=True, priority=priority)
    assert (peer.ice.path == THIRD) is moves


def test_moves_during_the_handshake_hold_nothing() -> None:
    """C10: Firefox nominates once, and it may be right after the handshake."""
    peer = Peer()
    peer.checks(HOME)
    peer.at(0.1)
    peer.checks(AWAY)
    peer.handshake_ends()
    peer.at(0.2)
    peer.checks(THIRD, nominate=True)
    assert peer.ice.path == THIRD


def test_a_nomination_that_was_held_still_counts_when_the_path_falls_silent() -> None:
    """C10, C12: it is remembered as a check."""
    peer = connected()
    talk(peer, 0, 1)
    peer.checks(AWAY, nominate=True, priority=9)
    peer.at(1.1)
    peer.checks(HOME, nominate=True, priority=5)
    talk(peer, 1.2, 2, HOME)
    assert peer.ice.path == HOME
    assert causes(peer)[-1] is PathCause.REBOUND


def test_nomination_values_move_the_path_only_upwards() -> None:
    """C13: 1, 2, 2, 1 from two tuples in turn."""
    peer = connected(THIRD)
    moved = []
    for index, value in enumerate((1, 2, 2, 1)):
        talk(peer, 1 + index, 2 + index, peer.moves[-1][1])
        peer.checks((HOME, AWAY)[index % 2], nominate=True, extra=[(0xC001, value.to_bytes(4, "big"))])
        moved.append(len(peer.moves) - 1)
    assert moved == [1, 2, 2, 2]


def test_a_repeated_nomination_value_still_survives_rebinding() -> None:
    """C10, C13: a client that names the same value in each check is moved by silence."""
    peer = connected()
    two = [(0xC001, b"\0\0\0\2")]
    peer.checks(HOME, nominate=True, extra=two)
    talk(peer, 0, 1)
    peer.checks(AWAY, nominate=True, extra=two)
    assert peer.ice.path == HOME
    peer.at(2)
    assert peer.ice.path == AWAY


@pytest.mark.parametrize("after", [0.001, 70, 1800], ids=["1 ms", "70 s", "30 min"])
@pytest.mark.parametrize("nominate", [True, False], ids=["nominating", "plain"])
def test_a_captured_check_replayed_from_elsewhere_moves_nothing(after: float, nominate: bool) -> None:
    """C11, T3: answered at most; the tuple is not authenticated by it, and consent is not kept by it."""
    peer = connected()
    captured = peer.checks(HOME, nominate=nominate)
    for offset in itertools.takewhile(lambda offset: offset < after, itertools.count(5, 5)):
        peer.at(offset)
        peer.checks(HOME)
    peer.at(after)
    before = peer.snapshot()
    assert peer.send(captured, AWAY) is None
    assert peer.sent[-1][2] == AWAY
    assert peer.snapshot() == before
    assert not peer.ice.is_authenticated(AWAY.client)
    peer.at(after + 8)
    assert peer.moves == [(0, HOME)]


def test_a_replay_keeps_neither_consent_nor_a_silent_tuple_alive() -> None:
    """C11, C14, T3."""
    peer = connected()
    captured = peer.checks(HOME)
    for offset in range(1, 29):
        peer.at(offset)
        peer.send(captured, HOME)
    peer.at(31)
    assert peer.ice.state is State.CLOSED


def test_a_replay_during_the_handshake_does_not_take_the_flight_away() -> None:
    """C7, C11, T1: newest means newest fresh."""
    peer = Peer()
    captured = peer.checks(HOME)
    peer.at(0.01)
    peer.send(captured, AWAY)
    assert peer.ice.path == HOME


def test_when_the_memory_is_full_the_path_stays_and_consent_goes_on() -> None:
    """C11: 4,096 checks, some 2.8 hours; only an ICE restart frees it."""
    peer = connected()
    for index in range(CAPACITY - 1):
        peer.at(index)
        peer.checks(HOME)
    peer.at(CAPACITY)
    peer.checks(AWAY, nominate=True)
    assert not peer.ice.is_authenticated(AWAY.client)
    peer.at(CAPACITY + 25)
    peer.checks(Path(HOME.client, SOUTH), nominate=True)
    peer.at(CAPACITY + 50)
    assert peer.moves == [(0, HOME)]
    assert peer.ice.path == Path(HOME.client, SOUTH), "the relay may still change"
    assert peer.ice.state is State.SELECTED


def test_media_from_elsewhere_never_moves_the_path() -> None:
    """C9, T2: no latching. The tuple has an authenticated check, and it still does not move by media alone."""
    peer = connected()
    peer.at(0.5)
    peer.media(AWAY)
    peer.at(29)
    peer.media(AWAY)
    assert peer.moves == [(0, HOME)]
    assert not peer.ice.is_authenticated(AWAY.client)
    assert all(path == HOME for _, _, path in peer.sent)


def test_the_relay_follows_whatever_authentic_came_last() -> None:
    """C24, A14: a relay that takes over from a dead one; no event, for the client is where it was."""
    peer = connected(Path(HOME.client, NORTH))
    peer.at(1)
    peer.media(Path(HOME.client, SOUTH))
    assert peer.ice.path == Path(HOME.client, SOUTH)
    peer.at(2)
    peer.checks(Path(HOME.client, NORTH))
    assert peer.ice.path == Path(HOME.client, NORTH)
    assert peer.sent[-1][2] == Path(HOME.client, NORTH), "an answer returns through the relay of its request"
    peer.at(3)
    peer.ice.note_authenticated_rtcp(Path(HOME.client, SOUTH), peer.now)
    assert peer.ice.path == Path(HOME.client, SOUTH)
    assert len(peer.moves) == 1


def test_a_forged_or_replayed_datagram_does_not_change_the_relay() -> None:
    """C11, T3, T4."""
    peer = connected(Path(HOME.client, NORTH))
    captured = peer.checks(Path(HOME.client, NORTH))
    peer.send(captured, Path(HOME.client, SOUTH))
    peer.send(peer.check(key=b"forged"), Path(HOME.client, SOUTH))
    peer.media(Path(AWAY.client, SOUTH))
    assert peer.ice.path == Path(HOME.client, NORTH)


def test_at_most_sixteen_tuples_are_known_and_the_selected_one_is_kept() -> None:
    """T24: a valid client that checks from everywhere."""
    peer = connected()
    others = [Path(Address(bytes(15) + bytes([n]), 1000 + n)) for n in range(40)]
    for index, path in enumerate(others):
        peer.checks(path)
        assert len(peer.ice.clients) == min(16, index + 2)
    assert peer.ice.is_authenticated(HOME.client)
    assert peer.ice.clients[1:] == tuple(path.client for path in others[-15:])
    assert not peer.ice.is_authenticated(others[0].client)
