"""Handshakes over links that lose, delay, reorder and duplicate (rows C8, D10, D12, D13, D14).

::

    DtlsEndpoint ──── link: loss, delay, jitter, copies ──── DtlsEndpoint      virtual time
    DtlsEndpoint ──── by hand, datagram by datagram ──────── OpenSSL           one second of real time, once
"""

from __future__ import annotations

import itertools
import random
import time

import pytest

from rtcsplit.session.dtls import DtlsEndpoint
from rtcsplit.session.dtls_state import DtlsState
from rtcsplit.session.events import HandshakeCompleted
from rtcsplit.session.negotiation import DtlsRole
from tests import dtls_peers as peers
from tests.dtls_peers import Network, Peer, endpoint, events_of, other

both_roles = pytest.mark.parametrize("role", DtlsRole, ids=lambda r: r.name.lower())


def two_endpoints() -> tuple[DtlsEndpoint, DtlsEndpoint]:
    ours = peers.our_certificate()
    return endpoint(DtlsRole.CLIENT, ours), endpoint(DtlsRole.SERVER, ours)


def are_established(network: Network) -> bool:
    return all(end.state is DtlsState.ESTABLISHED for end in network.ends)


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2, 0.3])
def test_handshake_completes_at_any_loss_well_before_its_deadline(loss: float) -> None:
    """C8, D12: 100 seeds with jitter and copies; both sides hold the same keys."""
    times = []
    for seed in range(100):
        network = Network(*two_endpoints(), seed=seed, loss=loss, delay=0.02, jitter=0.03, duplicates=0.1)
        network.run(until=30.0)
        (client,), (server,) = network.events
        assert isinstance(client, HandshakeCompleted), (seed, client)
        assert isinstance(server, HandshakeCompleted), (seed, server)
        assert client.keys.local == server.keys.remote
        assert client.keys.remote == server.keys.local
        times.append(network.now)
    assert max(len(datagram) for _, _, datagram in network.sent) <= 1200
    assert sorted(times)[50] < {0.0: 0.2, 0.05: 0.2, 0.2: 0.3, 0.3: 0.6}[loss]


@pytest.mark.parametrize("index", range(4), ids=["hello", "server flight", "client flight", "last flight"])
def test_one_lost_flight_costs_at_most_150_ms(index: int) -> None:
    """C8: at a round trip of 40 ms, whichever of ours is lost."""
    undisturbed = Network(*two_endpoints())
    undisturbed.run(until=30.0)
    network = Network(*two_endpoints(), lost={index})
    network.run(until=30.0)
    assert are_established(network)
    assert network.now - undisturbed.now <= 0.15


def test_last_flight_lost_twice_still_lets_the_client_complete() -> None:
    """D13: the repeated Finished is answered, though OpenSSL drops it as a replay."""
    network = Network(*two_endpoints(), lost={3, 5})
    network.run(until=30.0)
    assert are_established(network)
    lasts = [datagram for _, sender, datagram in network.sent if sender == 1 and peers.describe(datagram)[0][0] == 20]
    assert len(lasts) >= 3
    assert len(set(lasts)) == 1


@both_roles
def test_flight_is_repeated_octet_for_octet_until_answered(role: DtlsRole) -> None:
    """C8, D12, D14: at 50, 150, 350, 750 ms, and with the answer to a check."""
    ours = endpoint(role)
    for datagram in Peer(DtlsRole.CLIENT).start() if role is DtlsRole.SERVER else []:
        ours.receive(datagram, 0.0)
    flight = ours.datagrams_to_send(0.0)
    assert flight
    times = []
    while (timer := ours.next_timer()) is not None and timer < 0.9:
        ours.handle_timer(timer)
        assert ours.datagrams_to_send(timer) == flight
        times.append(timer)
    assert times == pytest.approx([0.05, 0.15, 0.35, 0.75])
    ours.repeat_flight(0.9)
    assert ours.datagrams_to_send(0.9) == flight


@both_roles
def test_repetition_stops_when_the_next_flight_begins_to_arrive(role: DtlsRole) -> None:
    """C8: the first record of it is enough."""
    peer = Peer(other(role))
    ours = endpoint(role, peer.certificate)
    for datagram in peer.start() if role is DtlsRole.SERVER else []:
        ours.receive(datagram, 0.0)
    answer = [datagram for sent in ours.datagrams_to_send(0.0) for datagram in peer.receive(sent)]
    ours.receive(answer[0], 0.01)
    ours.repeat_flight(0.02)
    ours.handle_timer(0.5)
    assert ours.datagrams_to_send(0.5) == []
    assert ours.next_timer() is not None


@both_roles
def test_flights_may_arrive_in_any_order(role: DtlsRole) -> None:
    """D10: every record in a datagram of its own, shuffled with copies, ChangeCipherSpec and Finished included."""
    failures = []
    for seed in range(60):
        shuffle = random.Random(seed)
        peer = Peer(other(role))
        ours = endpoint(role, peer.certificate)
        to_ours = peer.start() if role is DtlsRole.SERVER else []
        for _ in range(4):
            shuffled = to_ours + shuffle.sample(to_ours, len(to_ours) // 2)
            shuffle.shuffle(shuffled)
            for datagram in shuffled:
                ours.receive(datagram, 0.0)
            to_ours = [a for sent in ours.datagrams_to_send(0.0) for a in peer.receive(sent)]
        if ours.state is not DtlsState.ESTABLISHED or not peer.is_complete:
            failures.append(seed)
    assert not failures


def refragmented(datagrams: list[bytes], size: int, overlap: int = 0) -> list[bytes]:
    """A ClientHello in fragments of ``size`` octets, each beginning ``overlap`` octets before the last one's end."""
    message = peers.reassemble(datagrams)
    header, body = message[:6], message[12:]
    return [
        peers.record(header + offset.to_bytes(3, "big") + len(part).to_bytes(3, "big") + part, number=number)
        for number, offset in enumerate(range(0, len(body), size - overlap))
        for part in [body[offset : offset + size]]
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1175, 200, 64])
@pytest.mark.parametrize("manner", ["in order", "reversed", "duplicated", "overlapped"])
def test_split_client_hello_is_reassembled(size: int, manner: str) -> None:
    """D10, D11: 1.4 kB, as with post-quantum shares."""
    peer = Peer(DtlsRole.CLIENT, alpn=[bytes([65 + n]) * 240 for n in range(5)])
    ours = endpoint(DtlsRole.SERVER, peer.certificate)
    parts = refragmented(peer.start(), size, overlap=size // 3 if manner == "overlapped" else 0)
    assert len(parts) >= 2
    parts = {"reversed": parts[::-1], "duplicated": [p for p in parts for _ in range(2)]}.get(manner, parts)
    ours.receive(parts[0], 0.0)
    assert ours.datagrams_to_send(0.0) == []
    for part in parts[1:]:
        ours.receive(part, 0.0)
    sent = ours.datagrams_to_send(0.0)
    assert sent[0][13] == 2
    flight = [peers.renumbered(d, 1000) for datagram in sent for d in peer.receive(datagram)]
    list(peers.exchange(ours, peer, flight))
    assert ours.state is DtlsState.ESTABLISHED


def test_openssls_own_retransmission_stays_in_force() -> None:
    """C8, D12, D13: the one test on real time. After a second without answer OpenSSL repeats with new record numbers.

    Four cases wait together: our hello lost, our server flight lost, the peer's last flight lost while we are the
    client, and our last flight lost while the peer is the client.
    """
    lonely_client, lonely_server = endpoint(DtlsRole.CLIENT), endpoint(DtlsRole.SERVER)
    for datagram in Peer(DtlsRole.CLIENT).start():
        lonely_server.receive(datagram, 0.0)
    server, client = Peer(DtlsRole.SERVER), Peer(DtlsRole.CLIENT)
    our_client, our_server = (
        endpoint(DtlsRole.CLIENT, server.certificate),
        endpoint(DtlsRole.SERVER, client.certificate),
    )
    run_until_last_flight(our_client, server)
    run_until_last_flight(our_server, client)
    first = {end: end.datagrams_to_send(0.0) for end in (lonely_client, lonely_server)}
    started = time.monotonic()
    time.sleep(1.05)
    now = time.monotonic() - started
    for end, flight in first.items():
        end.handle_timer(now)
        sent = end.datagrams_to_send(now)[-len(flight) :]
        assert sent != flight, "new record numbers"
        assert [peers.describe(d) for d in sent] == [peers.describe(d) for d in flight]
        end.repeat_flight(now)
        assert end.datagrams_to_send(now) == sent, "it replaced the cache"
    our_client.handle_timer(now)
    answers = [a for d in our_client.datagrams_to_send(now) for a in server.receive(d)]
    for datagram in answers:
        our_client.receive(datagram, now)
    assert [type(event) for event in events_of(our_client)] == [HandshakeCompleted]
    for datagram in client.retransmit():
        our_server.receive(datagram, now)
    for datagram in our_server.datagrams_to_send(now):
        client.receive(datagram)
    assert client.is_complete


def run_until_last_flight(ours: DtlsEndpoint, peer: Peer) -> None:
    """Handshake, except that the last flight is lost, whoever sent it."""
    to_ours = peer.start()
    while not (peer.is_complete or ours.state is DtlsState.ESTABLISHED):
        for datagram in to_ours:
            ours.receive(datagram, 0.0)
        lost = ours.state is DtlsState.ESTABLISHED
        to_ours = [] if lost else [a for sent in ours.datagrams_to_send(0.0) for a in peer.receive(sent)]
    assert ours.datagrams_to_send(0.0) or ours.role is DtlsRole.CLIENT
    assert events_of(ours) == [] or ours.role is DtlsRole.SERVER


def test_deadline_holds_when_nothing_ever_answers() -> None:
    """D18: timers grow apart, so that 30 s cost few repetitions."""
    ours = endpoint(DtlsRole.CLIENT)
    calls = itertools.count()
    while (timer := ours.next_timer()) is not None:
        ours.handle_timer(timer)
        next(calls)
    assert ours.state is DtlsState.FAILED
    assert next(calls) < 100
    assert len(ours.datagrams_to_send(30.0)) <= 12
