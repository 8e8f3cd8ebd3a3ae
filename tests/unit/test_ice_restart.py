"""ICE restart at the lite end (RFC 8445 section 9): which checks count when, on a made-up clock.

- HOME 198.51.100.7:50000, the tuple of the call
- AWAY 198.51.100.8:60000, a tuple that the client gathered for the restart
"""

from __future__ import annotations

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.events import ConsentExpired, IceRestarted, PathCause, PathChanged, UfragRetired
from rtcsplit.session.ice_transactions import CAPACITY
from rtcsplit.session.negotiation import IceCredentials
from tests.ice_peer import AWAY, CLIENT, HOME, NOMINATION, SERVER, THIRD, Peer, connected

NEW_SERVER = IceCredentials("EceMMyQBAgMEBQhiKJ1mhcE2", "secondServerPasswordOf32Chars+/1")
NEW_CLIENT = IceCredentials("cLn2", "secondClientPassword24C+")
NEW = {"names": f"{NEW_SERVER.ufrag}:{NEW_CLIENT.ufrag}".encode(), "key": NEW_SERVER.pwd.encode()}


def restarted() -> Peer:
    """A call on HOME whose client has been told the new credentials at offset 10."""
    peer = connected()
    peer.at(10.0)
    peer.ice.restart(NEW_SERVER, NEW_CLIENT)
    peer.drain()
    return peer


def of_type(peer: Peer, kind: type) -> list[tuple[float, object]]:
    return [(at, event) for at, event in peer.events if isinstance(event, kind)]


def test_both_ufrags_are_answered_until_the_new_one_has_the_path() -> None:
    """C18: the old generation runs on: it keeps its path, and its checks keep consent."""
    peer = restarted()
    for offset in range(11, 100, 3):
        peer.at(offset)
        peer.checks(HOME)
        assert peer.answer().message_class.name == "RESPONSE"
    peer.checks(AWAY, **NEW)
    peer.answer(key=NEW_SERVER.pwd)
    assert peer.ice.path == HOME
    assert not of_type(peer, IceRestarted)


def test_nomination_with_the_new_ufrag_moves_the_path() -> None:
    """C18: at once, even within the hold of a move just before."""
    peer = restarted()
    peer.checks(THIRD, nominate=True)
    peer.at(10.1)
    peer.checks(AWAY, nominate=True, priority=1, **NEW)
    assert peer.ice.path == AWAY
    assert peer.events[-2:] == [(10.1, PathChanged(AWAY, PathCause.NOMINATED)), (10.1, IceRestarted(NEW_SERVER.ufrag))]


def test_a_new_check_on_the_same_tuple_needs_no_nomination() -> None:
    """C18: the path of the new generation is the old one; nothing moves."""
    peer = restarted()
    moves = len(peer.moves)
    peer.checks(HOME, **NEW)
    assert of_type(peer, IceRestarted) == [(10.0, IceRestarted(NEW_SERVER.ufrag))]
    assert len(peer.moves) == moves


def test_without_nomination_the_new_path_waits_for_silence() -> None:
    """C18, C10: Firefox-like; the new generation takes over when the old tuple has been quiet for 7 s."""
    peer = restarted()
    peer.checks(HOME)
    peer.at(12.0)
    peer.checks(AWAY, **NEW)
    peer.at(16.9)
    assert peer.ice.path == HOME
    peer.at(17.1)
    assert peer.ice.path == AWAY
    assert of_type(peer, IceRestarted) == [(17.0, IceRestarted(NEW_SERVER.ufrag))]


def test_the_old_ufrag_is_refused_three_seconds_after_the_switch() -> None:
    """C18: answered and without effect until then, 401 afterwards."""
    peer = restarted()
    peer.checks(AWAY, nominate=True, **NEW)
    peer.at(12.9)
    peer.checks(HOME, nominate=True)
    peer.answer()
    assert peer.ice.path == AWAY
    assert not of_type(peer, UfragRetired)
    peer.at(13.0)
    assert of_type(peer, UfragRetired) == [(13.0, UfragRetired(SERVER.ufrag))]
    assert peer.send(peer.check(nominate=True), HOME) is DropReason.STUN_UNAUTHORIZED
    assert peer.answer(key=None).attributes["ERROR-CODE"][0] == 401
    peer.checks(AWAY, **NEW)


def test_old_checks_after_the_switch_keep_no_consent() -> None:
    """C14, C18: 30 s without a check of the running generation, whatever the one before sends."""
    peer = restarted()
    peer.checks(AWAY, nominate=True, **NEW)
    peer.at(12.0)
    peer.checks(HOME)
    peer.at(40.0)
    assert of_type(peer, ConsentExpired) == [(40.0, ConsentExpired(True))]


@pytest.mark.parametrize(
    "mixed",
    [
        {"names": f"{NEW_SERVER.ufrag}:{CLIENT.ufrag}".encode(), "key": NEW_SERVER.pwd.encode()},
        {"names": f"{SERVER.ufrag}:{NEW_CLIENT.ufrag}".encode()},
        {"names": NEW["names"], "key": SERVER.pwd.encode()},
    ],
    ids=["new with old remote", "old with new remote", "new ufrag, old password"],
)
def test_credentials_of_two_generations_do_not_mix(mixed: dict[str, bytes]) -> None:
    """C4, C18, T4: 401, and nothing has changed."""
    peer = restarted()
    before = peer.snapshot()
    assert peer.send(peer.check(nominate=True, **mixed), AWAY) is DropReason.STUN_UNAUTHORIZED
    assert peer.snapshot() == before


def test_a_replayed_check_of_the_old_generation_moves_nothing() -> None:
    """C11, T3: before the switch and within the three seconds after it."""
    peer = connected()
    captured = peer.checks(HOME, nominate=True)
    peer.ice.restart(NEW_SERVER, NEW_CLIENT)
    assert peer.send(captured, THIRD) is None
    assert peer.ice.path == HOME
    peer.checks(HOME, nominate=True, **NEW)
    assert peer.send(captured, THIRD) is None
    assert peer.ice.path == HOME


def test_a_restart_gives_a_full_memory_new_room() -> None:
    """C11: after 4,096 checks the path does not move without an ICE restart; with one it does."""
    peer = connected()
    for _ in range(CAPACITY):
        peer.checks(HOME)
    peer.at(1.0)
    peer.checks(AWAY, nominate=True)
    assert peer.ice.path == HOME
    peer.ice.restart(NEW_SERVER, NEW_CLIENT)
    peer.checks(AWAY, nominate=True, **NEW)
    assert peer.ice.path == AWAY


def test_nomination_values_start_anew() -> None:
    """C13, C18: a value counts within its generation."""
    peer = restarted()
    high, low = (NOMINATION, (9).to_bytes(4, "big")), (NOMINATION, (1).to_bytes(4, "big"))
    peer.checks(HOME, nominate=True, extra=[high])
    peer.at(12.0)
    peer.checks(AWAY, nominate=True, extra=[low], **NEW)
    assert peer.ice.path == AWAY
    peer.at(13.0)
    peer.checks(HOME, nominate=True, extra=[low], **NEW)
    assert peer.ice.path == AWAY


def test_a_second_restart_replaces_one_that_never_came() -> None:
    """C18: the client lost the first answer; its ufrag is refused at once, the running one goes on."""
    peer = restarted()
    third = IceCredentials("EceMMyQBAgMEBQhiKJ1mhcE3", "thirdServerPasswordOf31Chars+/1")
    peer.ice.restart(third, NEW_CLIENT)
    peer.drain()
    assert of_type(peer, UfragRetired) == [(10.0, UfragRetired(NEW_SERVER.ufrag))]
    assert peer.send(peer.check(**NEW), AWAY) is DropReason.STUN_UNAUTHORIZED
    peer.checks(HOME)
    names = f"{third.ufrag}:{NEW_CLIENT.ufrag}".encode()
    peer.checks(AWAY, nominate=True, names=names, key=third.pwd.encode())
    assert peer.ice.path == AWAY


def test_two_switches_within_three_seconds_answer_to_the_last_two() -> None:
    peer = restarted()
    peer.checks(AWAY, nominate=True, **NEW)
    third = IceCredentials("EceMMyQBAgMEBQhiKJ1mhcE3", "thirdServerPasswordOf31Chars+/1")
    peer.at(11.0)
    peer.ice.restart(third, NEW_CLIENT)
    names = f"{third.ufrag}:{NEW_CLIENT.ufrag}".encode()
    peer.checks(THIRD, nominate=True, names=names, key=third.pwd.encode())
    assert of_type(peer, UfragRetired) == [(11.0, UfragRetired(SERVER.ufrag))]
    peer.checks(AWAY, **NEW)
    peer.at(14.0)
    assert of_type(peer, UfragRetired)[1:] == [(14.0, UfragRetired(NEW_SERVER.ufrag))]


def test_a_restart_before_the_first_check() -> None:
    """C18: either ufrag may begin."""
    peer = Peer()
    peer.ice.restart(NEW_SERVER, NEW_CLIENT)
    peer.checks(HOME)
    assert peer.ice.path == HOME
    peer.checks(AWAY, **NEW)
    assert peer.ice.path == AWAY
    assert of_type(peer, IceRestarted) == [(0.0, IceRestarted(NEW_SERVER.ufrag))]


def test_a_restart_that_cannot_be_changes_nothing() -> None:
    peer = restarted()
    before = peer.snapshot()
    for ufrag in (SERVER.ufrag, NEW_SERVER.ufrag):
        with pytest.raises(UsageError):
            peer.ice.restart(IceCredentials(ufrag, NEW_SERVER.pwd), NEW_CLIENT)
    assert peer.snapshot() == before
    peer.ice.close()
    with pytest.raises(UsageError):
        peer.ice.restart(IceCredentials("anotherOne", NEW_SERVER.pwd), NEW_CLIENT)
