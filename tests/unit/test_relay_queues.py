"""What workers tell the control thread about flows and take from it, on virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtcsplit._native.relay_flows import CONFIRMED_SECONDS, RelayFlows
from rtcsplit.drops import DropReason
from rtcsplit.routing.hint import Route
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
    decisions,
    request,
    success,
    ufrag,
)

OTHER = Address.of("198.51.100.8", 50000)
EMBRYONIC_PER_UFRAG = 16
QUEUE = 1024


@pytest.fixture
def workers() -> Iterator[Decisions]:
    with decisions(workers=2, now_ms=0xFFFFF000) as made:
        yield made


@pytest.fixture
def flows(workers: Decisions) -> RelayFlows:
    return RelayFlows(workers.native)


def raw(text: str) -> bytes:
    """The octets of a hint."""
    hint = KEYS.native.open(text.encode())
    assert hint is not None
    return hint.raw


def learn(flows: RelayFlows, text: str, client: Address = CLIENT, route: Route = FIRST, worker: int = 0) -> None:
    flows.learn(worker, client, raw(text), route.cluster, route.transceiver)


def test_clients_without_a_flow_are_reported_by_the_worker_that_missed_them(workers, flows):
    """A5: whatever they sent is dropped; STUN is no reason to ask."""
    for datagram in (DTLS, RTP, RTCP, success()):
        assert workers.up(datagram, worker=1) == [DropReason.NO_FLOW]
    assert flows.missed(0) == []
    assert flows.missed(1) == [CLIENT] * 3
    assert flows.missed(1) == []


def test_a_client_with_a_flow_is_not_missed(workers, flows):
    workers.up(request(ufrag() + ":peer"), RTP, DTLS)
    assert flows.missed(0) == []


def test_a_learned_flow_is_embryonic_until_its_transceiver_confirms_it(workers, flows):
    text = ufrag()
    learn(flows, text)
    assert workers.up(RTP) == [(RTP, INTERNAL[FIRST])]
    assert workers.flows() == (1, 0)
    assert workers.events() == {"recovered": 1}
    workers.down(DTLS)
    assert workers.flows() == (1, 1)
    assert [(flow.client, flow.hint) for flow in flows.confirmed(0)] == [(CLIENT, raw(text))]


def test_a_learned_flow_that_nobody_confirms_is_gone_after_ten_seconds(workers, flows):
    learn(flows, ufrag())
    workers.up(RTP)
    workers.now_ms += 10_000
    assert workers.up(RTP) == [DropReason.NO_FLOW]


def test_a_learned_flow_of_an_unrouted_transceiver_leads_nowhere(workers, flows):
    learn(flows, ufrag(Route(7, 7)), route=Route(7, 7))
    assert workers.up(RTP) == [DropReason.NO_ROUTE]


@pytest.mark.parametrize("is_confirmed", [False, True], ids=["embryonic", "confirmed"])
@pytest.mark.parametrize("worker", [0, 1], ids=["own", "elsewhere"])
def test_what_a_worker_knows_prevails_over_what_it_learns(workers, flows, is_confirmed, worker):
    """T16: a replayed entry changes no flow. (Another worker's embryonic flow is not seen, nor is it lost.)"""
    workers.up(request(ufrag(FIRST) + ":peer"), worker=worker)
    if is_confirmed:
        workers.down(DTLS, worker=worker)
    learn(flows, ufrag(SECOND), route=SECOND)
    workers.up(worker=0)
    assert workers.up(RTP, worker=worker) == [(RTP, INTERNAL[FIRST])]
    if is_confirmed or worker == 0:
        assert "recovered" not in workers.events()


def test_learned_flows_keep_the_limit_of_their_ufrag(workers, flows):
    """T11: replayed entries of one session for many addresses make no more flows than its requests could."""
    text = ufrag()
    for port in range(1, EMBRYONIC_PER_UFRAG + 5):
        learn(flows, text, CLIENT._replace(port=port))
    workers.up()
    assert workers.flows() == (EMBRYONIC_PER_UFRAG, 0)


def test_flows_without_a_hint_are_not_mirrored_until_a_request_tells_it(workers, flows):
    workers.down(DTLS)
    assert flows.confirmed(0) == []
    assert flows.scan(0, 0, workers.now_ms, 1 << 20) == (0, [])
    text = ufrag()
    workers.up(request(text + ":peer"))
    workers.down(RTP)
    assert [flow.hint for flow in flows.confirmed(0)] == [raw(text)]
    assert [flow.hint for flow in flows.scan(0, 0, workers.now_ms, 1 << 20)[1]] == [raw(text)]


def test_a_flow_that_moves_to_another_worker_is_mirrored_again(workers, flows):
    workers.up(request(ufrag() + ":peer"))
    workers.down(DTLS)
    workers.down(DTLS, worker=1)
    assert [len(flows.confirmed(index)) for index in range(2)] == [1, 1]


def test_scan_finds_live_flows_and_how_old_they_are(workers, flows):
    texts = {client: ufrag() for client in (CLIENT, OTHER)}
    for client, text in texts.items():
        workers.up(request(text + ":peer"), client=client)
        workers.down(DTLS, client=client)
        workers.now_ms += 5000  # over the wrap of the clock
    found, slot = [], 0
    while True:
        slot, some = flows.scan(0, slot, workers.now_ms, 100)
        found += some
        if slot == 0:
            break
    assert {flow.client: (flow.hint, flow.age) for flow in found} == {
        CLIENT: (raw(texts[CLIENT]), 10.0),
        OTHER: (raw(texts[OTHER]), 5.0),
    }
    workers.now_ms += int(1000 * CONFIRMED_SECONDS) - 10_000
    assert [flow.client for flow in flows.scan(0, 0, workers.now_ms, 1 << 20)[1]] == [OTHER]


def test_a_full_queue_loses_the_oldest_and_counts_them(workers, flows):
    for port in range(1, QUEUE + 11):
        workers.up(RTP, client=CLIENT._replace(port=port))
    missed = flows.missed(0) + flows.missed(0)
    assert [client[1] for client in missed] == list(range(11, QUEUE + 11))
    for port in range(1, QUEUE + 4):
        learn(flows, ufrag(), CLIENT._replace(port=port))
    workers.up()
    assert flows.losses() == (10, 3, 0)
