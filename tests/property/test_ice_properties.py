"""What holds for IceLite whatever is sent to it, in whatever order."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.session.events import ConsentExpired, PathChanged
from rtcsplit.session.ice_state import State
from rtcsplit.session.ice_transactions import CAPACITY, Sighting, TransactionMemory
from rtcsplit.session.stun_refusals import StunRefusals
from rtcsplit.wire.address import Path
from tests.ice_peer import AWAY, HOME, NORTH, SOUTH, THIRD, Peer, connected

PATHS = [Path(tuple_.client, via) for tuple_ in (HOME, AWAY, THIRD) for via in (None, NORTH, SOUTH)]
SILENT = {
    DropReason.TOO_SHORT,
    DropReason.STUN_MALFORMED,
    DropReason.STUN_METHOD,
    DropReason.STUN_FINGERPRINT,
    DropReason.STUN_INDICATION,
    DropReason.STUN_RESPONSE,
}
REFUSED = {DropReason.STUN_BAD_REQUEST, DropReason.STUN_UNAUTHORIZED}


def see_nothing_change(peer: Peer, datagram: bytes) -> None:
    before, sent = peer.snapshot(), len(peer.sent)
    reason = peer.send(datagram, AWAY)
    assert peer.snapshot() == before
    answers = peer.sent[sent:]
    assert reason in SILENT | REFUSED
    assert len(answers) <= (reason in REFUSED)
    for _, answer, path in answers:
        assert len(answer) <= len(datagram)
        assert path == AWAY


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda body: b"\0\1\0\0\x21\x12\xa4\x42" + body))
def test_octets_of_a_stranger_change_nothing_and_gain_nothing(datagram: bytes) -> None:
    """T4, T5: the first promise of the threat model."""
    see_nothing_change(connected(), datagram)


@given(st.data())
def test_a_check_with_any_octet_changed_changes_nothing(data: st.DataObject) -> None:
    """B6, B8, T4: header, attributes, integrity and fingerprint alike.

    The type of FINGERPRINT is left out: renamed, it is one more attribute after MESSAGE-INTEGRITY, ignored (B9).
    """
    peer = connected()
    datagram = bytearray(peer.check(nominate=True))
    size = len(datagram)
    index = data.draw(st.integers(0, size - 9) | st.integers(size - 6, size - 1))
    datagram[index] ^= data.draw(st.integers(1, 255))
    see_nothing_change(peer, bytes(datagram))


@given(st.integers(0, 400), st.booleans())
def test_a_check_cut_short_changes_nothing(length: int, nominate: bool) -> None:
    """B2: the truncation twin."""
    peer = connected()
    datagram = peer.check(nominate=nominate)
    see_nothing_change(peer, datagram[: min(length, len(datagram) - 1)])


ACTIONS = st.one_of(
    st.tuples(st.just("check"), st.sampled_from(PATHS), st.booleans(), st.integers(0, 3)),
    st.tuples(st.just("replay"), st.sampled_from(PATHS), st.integers(0, 1000)),
    st.tuples(st.just("forgery"), st.sampled_from(PATHS)),
    st.tuples(st.just("media"), st.sampled_from(PATHS)),
    st.tuples(st.just("wait"), st.sampled_from([0.001, 0.02, 0.1, 0.3, 0.6, 1.0, 3.0, 7.0, 12.0])),
    st.tuples(st.just("handshake")),
)


class Story:
    """Runs a list of actions, and knows without rules of its own what may have become of them."""

    def __init__(self) -> None:
        self.peer = Peer()
        self.captured: list[bytes] = []
        self.checked: set[Path] = set()

    def run(self, action: tuple[object, ...]) -> None:
        peer = self.peer
        match action:
            case ("check", Path() as path, bool() as nominate, int() as priority):
                datagram = peer.check(nominate=nominate, priority=priority)
                if peer.send(datagram, path) is None:
                    self.captured.append(datagram)
                    self.checked.add(Path(path.client))
            case ("replay", Path() as path, int() as index) if self.captured:
                before = peer.snapshot()
                peer.send(self.captured[index % len(self.captured)], path)
                assert peer.snapshot() == before
            case ("forgery", Path() as path):
                before = peer.snapshot()
                peer.send(peer.check(key=b"no key", nominate=True), path)
                assert peer.snapshot() == before
            case ("media", Path() as path):
                peer.media(path)
            case ("wait", float() as duration):
                peer.at(peer.now - peer.start + duration)
            case ("handshake",):
                peer.handshake_ends()

    def check_invariants(self) -> None:
        ice, moves = self.peer.ice, self.peer.moves
        assert (ice.path is None) is (ice.state in (State.WAITING, State.CLOSED))
        if ice.path is not None:
            assert ice.is_authenticated(ice.path.client)
            assert moves[-1][1].client == ice.path.client, "each change of client is told"
        assert {Path(client) for client in ice.clients} <= self.checked
        clients = [path.client for _, path in moves]
        assert all(one != other for one, other in pairwise(clients)), "no event without a change"
        assert (ice.next_timer() is None) is (ice.state is State.CLOSED)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTIONS, max_size=60))
def test_every_order_of_things_keeps_the_invariants(actions: list[tuple[object, ...]]) -> None:
    """C7, C9, C10, C11, C14: paths are authenticated, changes are told once, replays and forgeries are nothing."""
    story = Story()
    for action in actions:
        story.run(action)
        story.check_invariants()
    told = [event for _, event in story.peer.events]
    assert not any(isinstance(event, ConsentExpired) for event in told[:-1]), "nothing comes after the last event"
    assert all(isinstance(event, PathChanged | ConsentExpired) for event in told)


@given(st.lists(st.binary(max_size=2), max_size=300), st.integers(0, 2**32))
def test_the_memory_agrees_with_a_set(ids: list[bytes], seed: int) -> None:
    """C11."""
    memory, naive = TransactionMemory(random.Random(seed).randbytes), set()
    for one in ids:
        assert memory.see(one) is (Sighting.REPEATED if one in naive else Sighting.FRESH)
        naive.add(one)
    assert len(memory) == len(naive) <= CAPACITY


@given(st.lists(st.floats(0, 3), max_size=200), st.integers(1, 50), st.integers(1, 20))
def test_refusals_in_any_time_are_at_most_the_burst_and_the_rate(gaps: list[float], rate: int, burst: int) -> None:
    """B12, T5."""
    refusals, request = StunRefusals(rate, burst), bytes(100)
    now, times = 50.0, []
    for gap in gaps:
        now += gap
        if refusals.refuse(request, 401, HOME, now) is not None:
            times.append(now)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + (times[last] - start) * rate + 1e-3


@given(st.lists(st.sampled_from(["check", "bare", "wrong", "role", "unknown"]), max_size=12))
def test_two_servers_made_to_answer_each_other_fall_silent(kinds: list[str]) -> None:
    """T6, B17, B18: whatever one of them answers, the other answers nothing to it."""
    first, second = Peer(), Peer()
    variants: dict[str, dict[str, object]] = {
        "check": {},
        "bare": {"names": None, "key": None},
        "wrong": {"key": b"wrong"},
        "role": {"role": 0x8029},
        "unknown": {"extra": [(0x7777, b"")]},
    }
    for kind in kinds:
        first.send(first.check(**variants[kind]))
    first.at(15)
    for _, datagram, _ in first.sent:
        assert second.send(datagram) in (DropReason.STUN_RESPONSE, DropReason.STUN_INDICATION)
    assert second.sent == []
