"""The life of flows, on virtual time: who makes, renews, keeps, moves and ends them (A5, A7, A14, T11-T15)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtcsplit._native.relay import EMBRYONIC_FLOWS
from rtcsplit.drops import DropReason
from rtcsplit.routing.hint import RoutingKeys
from rtcsplit.wire.address import Address
from tests.relay_bench import (
    CLIENT,
    DTLS,
    FIRST,
    INTERNAL,
    KEYS,
    RTCP,
    RTP,
    SECOND,
    Decisions,
    check,
    decisions,
    request,
    success,
    ufrag,
)

TO_FIRST, TO_SECOND = INTERNAL[FIRST], INTERNAL[SECOND]
STICKY_MS, EMBRYONIC_MS, CONFIRMED_MS = 10_000, 10_000, 60_000


def clients(count: int, first: int = 0) -> list[Address]:
    return [
        Address.of(f"198.18.{number >> 8 & 255}.{number & 255}", 1024 + (number >> 16))
        for number in range(first, first + count)
    ]


@pytest.fixture
def relay() -> Iterator[Decisions]:
    with decisions() as made:
        yield made


def test_a_flow_forwards_every_class_from_its_first_moment(relay):
    datagrams = [check(), DTLS, RTP, RTCP, success()]
    assert relay.up(*datagrams) == [(datagram, TO_FIRST) for datagram in datagrams]


def test_an_embryonic_flow_ends_ten_seconds_after_its_last_request(relay):
    name = ufrag() + ":peer"
    relay.up(request(name))
    relay.now_ms += EMBRYONIC_MS - 1
    assert relay.up(RTP, request(name)) == [(RTP, TO_FIRST), (request(name), TO_FIRST)]
    relay.now_ms += EMBRYONIC_MS - 1
    assert relay.up(RTP) == [(RTP, TO_FIRST)]
    relay.now_ms += 1
    assert relay.up(RTP) == [DropReason.NO_FLOW]


def test_only_a_datagram_that_is_not_stun_confirms(relay):
    """T11: a transceiver answers STUN to anybody, and sends the rest only to who authenticated."""
    relay.up(check())
    assert relay.down(success()) == [(success(), CLIENT)]
    assert relay.flows() == (1, 0)
    assert relay.down(DTLS) == [(DTLS, CLIENT)]
    assert relay.flows() == (1, 1)
    assert relay.events() == {"created": 1, "confirmed": 1}


def test_a_confirmed_flow_ends_sixty_seconds_after_its_last_downlink(relay):
    relay.up(check())
    relay.down(DTLS)
    relay.now_ms += CONFIRMED_MS - 1
    relay.down(RTP)
    for _ in range(6):
        relay.now_ms += EMBRYONIC_MS - 1
        assert relay.up(RTP) == [(RTP, TO_FIRST)]
        relay.down(success())
    relay.now_ms += 6
    assert relay.up(RTP) == [DropReason.NO_FLOW]


def test_a_living_flow_keeps_its_transceiver(relay):
    """A14, T12: the other session's requests are routed by their own hint, and that is all."""
    relay.up(check(FIRST))
    relay.down(DTLS)
    relay.now_ms += STICKY_MS - 1
    claim = check(SECOND)
    assert relay.up(claim, RTP) == [(claim, TO_SECOND), (RTP, TO_FIRST)]
    assert relay.down(success(), route=SECOND) == [(success(), CLIENT)]
    assert relay.down(DTLS, route=SECOND) == [DropReason.FLOW_CONFLICT]
    assert relay.events()["flow_conflict"] == 1
    assert relay.flows() == (1, 1)


def test_a_stun_success_keeps_a_flow_with_its_transceiver(relay):
    relay.up(check(FIRST))
    relay.down(DTLS)
    relay.now_ms += STICKY_MS - 1
    relay.down(success())
    relay.down(success(), route=SECOND)
    relay.now_ms += STICKY_MS - 1
    assert relay.down(DTLS, route=SECOND) == [DropReason.FLOW_CONFLICT]
    relay.now_ms += 1
    assert relay.down(DTLS, route=SECOND) == [(DTLS, CLIENT)]


def test_a_silent_transceiver_loses_the_flow_to_a_newer_request(relay):
    relay.up(check(FIRST))
    relay.down(DTLS)
    relay.now_ms += STICKY_MS
    assert relay.up(RTP) == [(RTP, TO_FIRST)]  # silent, and nobody else asks
    claim = check(SECOND)
    assert relay.up(claim, RTP) == [(claim, TO_SECOND), (RTP, TO_SECOND)]
    relay.down(DTLS, route=SECOND)
    assert relay.up(RTP) == [(RTP, TO_SECOND)]
    assert relay.events() == {"created": 2, "confirmed": 1, "moved": 1}
    assert relay.flows()[1] == 1


def test_the_first_claim_to_a_fresh_address_stays_while_it_lives(relay):
    """T12: before anything is confirmed, too."""
    name = ufrag(FIRST) + ":peer"
    relay.up(request(name))
    claim = check(SECOND)
    assert relay.up(claim, RTP) == [(claim, TO_SECOND), (RTP, TO_FIRST)]
    assert relay.events() == {"created": 1, "flow_conflict": 1}
    relay.now_ms += EMBRYONIC_MS
    assert relay.up(claim, RTP) == [(claim, TO_SECOND), (RTP, TO_SECOND)]


def test_a_new_session_of_the_same_transceiver_takes_over_its_flow(relay):
    """An ICE restart changes the ufrag and nothing else."""
    relay.up(check(FIRST), check(FIRST))
    relay.down(DTLS)
    assert relay.up(RTP) == [(RTP, TO_FIRST)]
    assert relay.flows() == (1, 1)
    assert relay.events() == {"created": 1, "confirmed": 1}


def test_a_ufrag_has_sixteen_embryonic_flows(relay):
    """T11: further senders' requests are routed by their hint, without a flow."""
    datagram = request(ufrag() + ":peer")
    for client in clients(20):
        assert relay.up(datagram, client=client) == [(datagram, TO_FIRST)]
    assert [relay.up(RTP, client=client)[0] for client in clients(20)] == [(RTP, TO_FIRST)] * 16 + [
        DropReason.NO_FLOW
    ] * 4
    assert relay.events() == {"created": 16}


def test_beyond_that_fifty_requests_a_second_are_routed(relay):
    datagram = request(ufrag() + ":peer")
    outcomes = [relay.up(datagram, client=client)[0] for client in clients(100)]
    assert outcomes == [(datagram, TO_FIRST)] * 66 + [DropReason.UFRAG_RATE] * 34
    other = check()
    assert relay.up(other, client=clients(1, 200)[0]) == [(other, TO_FIRST)]
    relay.now_ms += 1000
    assert relay.up(datagram, client=clients(1, 99)[0]) == [(datagram, TO_FIRST)]


def test_who_asked_without_a_flow_gets_the_answer_for_two_seconds(relay):
    datagram = request(ufrag() + ":peer")
    for client in clients(17):
        relay.up(datagram, client=client)
    [last] = clients(1, 16)
    assert relay.down(success(), client=last) == [(success(), last)]
    relay.now_ms += 1999
    assert relay.down(success(), client=last) == [(success(), last)]
    relay.now_ms += 1
    assert relay.down(success(), client=last) == [DropReason.STUN_UNSOLICITED]


def test_the_limit_holds_over_all_workers():
    with decisions(workers=4) as relay:
        datagram = request(ufrag() + ":peer")
        for index, client in enumerate(clients(40)):
            relay.up(datagram, client=client, worker=index % 4)
        assert relay.flows() == (16, 0)
        routed = sum(
            not isinstance(relay.up(datagram, client=client, worker=index % 4)[0], DropReason)
            for index, client in enumerate(clients(400, 100))
        )
        assert routed == 4 * 13 - 24  # each worker has its share of fifty; 24 of them were taken above


def test_a_ufrag_has_two_confirmed_flows_and_the_third_ends_the_oldest(relay):
    datagram = request(ufrag() + ":peer")
    first, second, third = clients(3)
    for client in (first, second, third):
        relay.up(datagram, client=client)
        relay.now_ms += 1
        relay.down(DTLS, client=client)
    relay.now_ms += EMBRYONIC_MS
    assert relay.up(RTP, client=first) == [DropReason.NO_FLOW]
    assert relay.up(RTP, client=second) == relay.up(RTP, client=third) == [(RTP, TO_FIRST)]
    assert relay.events()["evicted"] == 1


def test_two_confirmed_flows_are_two_over_all_workers():
    with decisions(workers=3) as relay:
        datagram = request(ufrag() + ":peer")
        for worker, client in enumerate(clients(3)):
            relay.up(datagram, client=client, worker=worker)
            relay.now_ms += 1
            relay.down(DTLS, client=client, worker=worker)
        relay.now_ms += EMBRYONIC_MS
        outcomes = [relay.up(RTP, client=client, worker=worker)[0] for worker, client in enumerate(clients(3))]
        assert outcomes == [DropReason.NO_FLOW, (RTP, TO_FIRST), (RTP, TO_FIRST)]


def test_a_flow_is_found_by_every_worker_and_moves_with_its_replies():
    """The kernel spreads clients anew when the number of workers changes: that costs a lookup, not a call."""
    with decisions(workers=2) as relay:
        relay.up(check(), worker=0)
        relay.down(DTLS, worker=0)
        assert relay.up(RTP, worker=1) == [(RTP, TO_FIRST)]
        relay.now_ms += 20
        assert relay.down(RTP, worker=1) == [(RTP, CLIENT)]
        assert relay.events() == {"created": 1, "confirmed": 1, "moved": 1}
        relay.now_ms += CONFIRMED_MS - 1
        assert relay.up(RTP, worker=0) == relay.up(RTP, worker=1) == [(RTP, TO_FIRST)]
        relay.now_ms += 1
        assert relay.up(RTP, worker=0) == relay.up(RTP, worker=1) == [DropReason.NO_FLOW]


def test_another_workers_living_flow_is_kept_against_another_transceiver():
    with decisions(workers=2) as relay:
        relay.up(check(FIRST), worker=0)
        relay.down(DTLS, worker=0)
        relay.up(check(SECOND), worker=1)
        assert relay.down(DTLS, route=SECOND, worker=1) == [DropReason.FLOW_CONFLICT]
        assert relay.down(success(), route=SECOND, worker=1) == [(success(), CLIENT)]
        assert relay.up(RTP, worker=1) == [(RTP, TO_FIRST)]


def test_a_thousand_flows_a_second_are_relearned(relay):
    """T15: a transceiver alone makes no more."""
    outcomes = [relay.down(RTP, client=client)[0] for client in clients(1010)]
    assert outcomes[:1000] == [(RTP, client) for client in clients(1000)]
    assert outcomes[1000:] == [DropReason.RELEARN_RATE] * 10
    assert relay.down(RTP, client=clients(1)[0]) == [(RTP, clients(1)[0])]
    relay.now_ms += 1000
    assert relay.down(RTP, client=clients(1, 1005)[0]) == [(RTP, clients(1, 1005)[0])]


def test_a_relearned_flow_takes_its_hint_from_the_next_request(relay):
    """So that the two-flow limit and the removal of keys hold for it as for any other."""
    name = ufrag() + ":peer"
    three = clients(3)
    for client in three:
        relay.down(RTP, client=client)
        relay.now_ms += 1
    for client in three:
        relay.up(request(name), client=client)
        relay.now_ms += 1
        relay.down(RTP, client=client)
    assert relay.events() == {"recovered": 3, "created": 3, "evicted": 1}
    relay.now_ms += EMBRYONIC_MS
    relay.route_to(INTERNAL, RoutingKeys({2: bytes(32)}))
    assert [relay.up(RTP, client=client)[0] for client in three] == [
        DropReason.NO_FLOW,
        DropReason.HINT_INVALID,
        DropReason.HINT_INVALID,
    ]


def test_a_removed_key_closes_what_it_opened(relay):
    """T17: a flow is routed only while the key of its hint is there."""
    relay.up(check())
    relay.down(DTLS)
    relay.route_to(INTERNAL, RoutingKeys({2: bytes(range(32))}))
    assert relay.up(RTP, check()) == [DropReason.HINT_INVALID] * 2
    relay.route_to(INTERNAL, KEYS)
    assert relay.up(RTP) == [(RTP, TO_FIRST)]


def test_a_full_table_refuses_new_flows_and_keeps_the_old():
    """T13: hard capacity; what is confirmed is never evicted."""
    with decisions(confirmed_flows=50) as relay:
        for client in clients(51):
            relay.up(check(), client=client)
        outcomes = [relay.down(DTLS, client=client)[0] for client in clients(51)]
        assert outcomes[:50] == [(DTLS, client) for client in clients(50)]
        assert outcomes[50] is DropReason.FLOW_TABLE_FULL
        relay.now_ms += EMBRYONIC_MS
        assert {relay.up(RTP, client=client)[0] for client in clients(50)} == {(RTP, TO_FIRST)}
        relay.now_ms += CONFIRMED_MS
        [late] = clients(1, 50)
        relay.up(check(), client=late)
        assert relay.down(DTLS, client=late) == [(DTLS, late)]


def test_more_embryonic_flows_than_fit_evict_embryonic_ones_only(relay):
    """T11, T13: a flood with many valid ufrags costs others' embryonic flows at most."""
    relay.up(check())
    relay.down(DTLS)
    for client in clients(EMBRYONIC_FLOWS + 500):
        relay.up(check(), client=client)
        relay.now_ms += 1
    embryonic, confirmed = relay.flows()
    assert (embryonic, confirmed) == (EMBRYONIC_FLOWS, 1)
    assert relay.events()["evicted"] == 501
    assert relay.up(RTP) == [(RTP, TO_FIRST)]
