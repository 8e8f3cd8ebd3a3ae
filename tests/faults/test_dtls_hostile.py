"""Octets that a peer, or somebody who writes in its name, may send to an endpoint (rows D10, D15 to D21, D24).

::

    forger ──┐
             ├── same tuple ── DtlsEndpoint ──── OpenSSL driven directly
    peer ────┘
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.session.dtls import DtlsEndpoint
from rtcsplit.session.dtls_state import DtlsState
from rtcsplit.session.events import DataReceived, DtlsFailed, HandshakeCompleted
from rtcsplit.session.negotiation import DtlsRole
from tests import dtls_peers as peers
from tests.dtls_peers import Peer, endpoint, established, events_of, fragment, other, record

both_roles = pytest.mark.parametrize("role", DtlsRole, ids=lambda r: r.name.lower())


def is_alive(ours: DtlsEndpoint, peer: Peer) -> bool:
    """Data still passes both ways, and nothing else came of what happened before."""
    quiet = ours.datagrams_to_send(1.0) == [] and events_of(ours) == []
    ours.receive(peer.send(b"ping"), 1.0)
    ours.send(b"pong")
    for datagram in ours.datagrams_to_send(1.0):
        peer.receive(datagram)
    return quiet and events_of(ours) == [DataReceived(b"ping")] and peer.received[-1:] == [b"pong"]


@both_roles
def test_random_records_leave_a_live_association_alone(role: DtlsRole) -> None:
    """D16: 10^4 records of every type and epoch; each is refused with a reason, none is answered."""
    ours, peer, _ = established(role)
    source = random.Random(16)
    results = []
    for _ in range(10_000):
        octets = record(
            source.randbytes(source.randrange(1, 120)),
            number=source.getrandbits(source.choice([4, 16, 48])),
            content_type=source.choice([20, 21, 22, 23]),
            epoch=source.choice([0, 1, 1, 1, 2, 65535]),
        )
        results.append(ours.receive(octets, 1.0))
    assert set(results) == {DropReason.DTLS_REFUSED}
    assert is_alive(ours, peer)


@both_roles
def test_random_octets_leave_a_live_association_alone(role: DtlsRole) -> None:
    """D16."""
    ours, peer, _ = established(role)
    source = random.Random(17)
    for _ in range(2_000):
        ours.receive(source.randbytes(source.randrange(0, 1472)), 1.0)
    assert is_alive(ours, peer)


@both_roles
def test_changed_records_are_dropped_and_the_true_one_counts(role: DtlsRole) -> None:
    """D16: MAC, length, epoch, version and sequence number, one bit each."""
    ours, peer, _ = established(role)
    datagram = peer.send(b"true")
    for position in range(len(datagram)):
        changed = bytearray(datagram)
        changed[position] ^= 1 << position % 8
        assert isinstance(ours.receive(bytes(changed), 1.0), DropReason), position
    assert ours.receive(datagram, 1.0) is None
    assert events_of(ours) == [DataReceived(b"true")]
    assert is_alive(ours, peer)


@both_roles
@pytest.mark.parametrize("later", [0, 1, 31, 63, 100])
def test_repeated_record_is_delivered_once(role: DtlsRole, later: int) -> None:
    """D17."""
    ours, peer, _ = established(role)
    repeated = peer.send(b"once")
    assert ours.receive(repeated, 1.0) is None
    for _ in range(later):
        assert ours.receive(peer.send(b"x"), 1.0) is None
    assert ours.receive(repeated, 1.0) is DropReason.DTLS_REFUSED
    assert events_of(ours).count(DataReceived(b"once")) == 1


@both_roles
def test_late_records_within_the_window_are_delivered(role: DtlsRole) -> None:
    """D17: 32 records of reordering."""
    ours, peer, _ = established(role)
    datagrams = [peer.send(bytes([n])) for n in range(32)]
    assert [ours.receive(datagram, 1.0) for datagram in reversed(datagrams)] == [None] * 32


@both_roles
def test_new_hello_does_not_disturb_a_live_association(role: DtlsRole) -> None:
    """D20, D1: valid, NULL cipher, truncated."""
    ours, peer, _ = established(role)
    valid = Peer(DtlsRole.CLIENT).start()[0]
    null = Peer(DtlsRole.CLIENT, ciphers=b"ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0").start()[0]
    assert ours.receive(valid, 1.0) is DropReason.DTLS_REFUSED
    assert ours.receive(null, 1.0) is DropReason.DTLS_REFUSED
    assert ours.receive(valid[:100], 1.0) is DropReason.DTLS_MALFORMED
    assert is_alive(ours, peer)


@both_roles
def test_begun_renegotiation_leaves_a_live_association_alone(role: DtlsRole) -> None:
    """D22, D18: a part of a message, of any type; OpenSSL would wait for the rest, send nothing, and keep 100 kB."""
    ours, peer, _ = established(role)
    for kind in (0, 1, 2, 4, 11, 20):
        for seq in range(10):
            begun = peer.sealed(fragment(b"x" * 40, message_type=kind, total=100_000, seq=seq, offset=50))
            assert ours.receive(begun, 1.0) is DropReason.DTLS_REFUSED
    assert is_alive(ours, peer)


def test_message_as_long_as_a_finished_that_is_none_ends_the_association() -> None:
    """D22: whoever has the keys has asked for it; it ends with an event and without an exception."""
    ours, peer, _ = established(DtlsRole.SERVER)
    assert ours.receive(peer.sealed(fragment(b"x" * 12, total=100)), 1.0) is None
    (event,) = events_of(ours)
    assert isinstance(event, DtlsFailed)
    assert ours.state is DtlsState.FAILED


@both_roles
def test_every_truncation_of_a_handshake_datagram_is_harmless(role: DtlsRole) -> None:
    """D15: each datagram is preceded by all its truncations, none of which joins what follows."""
    peer = Peer(other(role))
    ours = endpoint(role, peer.certificate)
    to_ours = peer.start() if role is DtlsRole.SERVER else []
    for _ in range(4):
        for datagram in to_ours:
            for length in range(len(datagram)):
                assert ours.receive(datagram[:length], 0.0) is DropReason.DTLS_MALFORMED
            assert ours.receive(datagram, 0.0) in {None, DropReason.DTLS_REFUSED}
        to_ours = [a for sent in ours.datagrams_to_send(0.0) for a in peer.receive(sent)]
    assert [type(event) for event in events_of(ours)] == [HandshakeCompleted]


def test_good_record_is_taken_from_a_datagram_that_ends_badly() -> None:
    """D15."""
    ours, peer, _ = established(DtlsRole.SERVER)
    assert ours.receive(peer.send(b"good") + peer.send(b"cut")[:-1], 1.0) is None
    assert ours.receive(b"t" + peer.send(b"lost"), 1.0) is DropReason.DTLS_MALFORMED
    assert ours.receive(record(b"junk" * 9, content_type=23, epoch=1, number=900) + peer.send(b"better"), 1.0) is None
    assert events_of(ours) == [DataReceived(b"good"), DataReceived(b"better")]
    assert is_alive(ours, peer)


@both_roles
def test_forged_fragments_do_not_stop_a_handshake(role: DtlsRole) -> None:
    """D18, D19: what is refused before OpenSSL sees it cannot end the handshake."""
    forged = [
        record(fragment(b"", total=50), number=900),
        record(fragment(b"x", total=0xFFFFFF, offset=0xFFFFFE), number=901),
        record(fragment(b"x" * 9, total=5), number=902),
        record(fragment(b"x", total=100_000, message_type=11, seq=7), number=903),
        record(fragment(b"x", message_type=20, seq=3), number=904),
        record(fragment(b"x", message_type=0), number=905),
        record(b"\x01\x29", content_type=21, number=906),
        record(b"\x02", content_type=20, number=907),
        record(b"junk" * 9, content_type=22, epoch=1, number=3),
        record(b"junk" * 9, content_type=21, epoch=1, number=4),
        record(b"junk" * 9, content_type=23, epoch=1, number=5),
    ]
    peer = Peer(other(role))
    ours = endpoint(role, peer.certificate)
    to_ours = peer.start() if role is DtlsRole.SERVER else []
    for _ in range(4):
        for datagram in to_ours:
            for bad in forged:
                ours.receive(bad, 0.0)
            ours.receive(datagram, 0.0)
        to_ours = [a for sent in ours.datagrams_to_send(0.0) for a in peer.receive(sent)]
    assert [type(event) for event in events_of(ours)] == [HandshakeCompleted]


def test_bad_hellos_from_the_peers_address_never_end_the_waiting() -> None:
    """T1, D16: 200 of them, then the true one."""
    bad = Peer(DtlsRole.CLIENT, ciphers=b"ECDHE-ECDSA-AES128-SHA").start()[0]
    peer = Peer(DtlsRole.CLIENT)
    ours = endpoint(DtlsRole.SERVER, peer.certificate)
    for _ in range(200):
        ours.receive(bad, 0.0)
        assert len(b"".join(ours.datagrams_to_send(0.0))) < len(bad)
    peers.connect(ours, peer)
    assert ours.state is DtlsState.ESTABLISHED


@both_roles
def test_mutated_handshakes_end_as_they_may_and_raise_nothing(role: DtlsRole) -> None:
    """D16, D19: every record may have been changed; only the peer with the right fingerprint is ever accepted."""
    source = random.Random(role.value)
    states = set()
    for _ in range(300):
        peer = Peer(other(role))
        ours = endpoint(role, peer.certificate)
        to_ours = peer.start() if role is DtlsRole.SERVER else []
        for _ in range(4):
            for datagram in to_ours:
                octets = bytearray(datagram)
                for _ in range(source.choice([0, 0, 1, 2])):
                    octets[source.randrange(len(octets))] = source.randrange(256)
                ours.receive(bytes(octets), 0.0)
            to_ours = [a for sent in ours.datagrams_to_send(0.0) for a in peer.receive(sent)]
        if ours.state is DtlsState.ESTABLISHED:
            assert peer.is_complete or role is DtlsRole.SERVER
        states.add(ours.state)
    assert DtlsState.ESTABLISHED in states


def before_finished(role: DtlsRole) -> tuple[DtlsEndpoint, Peer]:
    """A handshake that lacks nothing but the peer's Finished, which never comes."""
    peer = Peer(other(role))
    ours = endpoint(role, peer.certificate)
    to_ours = peer.start() if role is DtlsRole.SERVER else []
    for _ in range(3):
        for datagram in to_ours:
            if datagram[3:5] == b"\0\0":
                ours.receive(datagram, 0.0)
        to_ours = [a for sent in ours.datagrams_to_send(0.0) for a in peer.receive(sent)]
    return ours, peer


@both_roles
def test_one_message_is_begun_in_the_next_epoch(role: DtlsRole) -> None:
    """D18: what an encrypted record holds cannot be checked, and OpenSSL would set aside ten times 100 kB."""
    ours, peer = before_finished(role)
    long = [peer.sealed(fragment(b"x" * 40, message_type=11, total=100_000, seq=4 + n, offset=50)) for n in range(10)]
    assert {ours.receive(datagram, 0.0) for datagram in long} == {DropReason.DTLS_REFUSED}
    short = [peer.sealed(fragment(b"x" * 12, message_type=11, total=100_000, seq=4 + n, offset=50)) for n in range(10)]
    assert [ours.receive(datagram, 0.0) for datagram in short] == [None] + [DropReason.DTLS_BUDGET] * 9
    assert ours.state is DtlsState.HANDSHAKING


def resident_octets() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def half_open(*, is_hostile: bool) -> DtlsEndpoint:
    ours = endpoint(DtlsRole.SERVER)
    for datagram in Peer(DtlsRole.CLIENT).start():
        ours.receive(datagram, 0.0)
    ours.datagrams_to_send(0.0)
    if is_hostile:
        for seq in range(1, 20):
            for offset in (0, 5000, 9000):
                part = fragment(b"x" * 1200, message_type=11, total=16000, seq=seq, offset=offset)
                ours.receive(record(part, number=1000 + 20 * seq + offset // 4000), 0.0)
        for number in range(200):
            ours.receive(record(b"y" * 48, epoch=1, number=number), 0.0)
    return ours


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads resident memory from /proc")
def test_half_open_handshake_under_fire_stays_below_128_kib() -> None:
    """D18: 19 messages of 16 kB declared, 200 records of the next epoch; about 110 kB, 69 kB of it OpenSSL's own."""
    warm = [half_open(is_hostile=True) for _ in range(20)]
    before = resident_octets()
    kept = [half_open(is_hostile=True) for _ in range(200)]
    assert (resident_octets() - before) / len(kept) < 128 * 1024
    assert all(ours.state is DtlsState.HANDSHAKING for ours in warm + kept)
