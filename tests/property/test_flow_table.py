"""The flow table agrees with a dictionary, whatever is done to it and however time passes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rtcsplit._native.flow_table import Flow, FlowTable, PutOutcome

LIFETIME_MS = 1000
CAPACITY = 12
BUCKET = 8  # a table may be full for a client whose two buckets are one and the same
CLIENTS = [(bytes(10) + b"\xff\xff" + bytes([198, 18, 0, n]), 50000 + n) for n in range(24)]
HINTS = [None, *(bytes([n]) * 18 for n in range(4))]

clients = st.sampled_from(CLIENTS)
flows = st.builds(Flow, clients, st.just(1), st.integers(0, 3), st.sampled_from(HINTS))


class FlowTableMachine(RuleBasedStateMachine):
    """The model: client -> (flow, time of its last renewal). Expired flows are taken out of it as time passes."""

    @initialize(start=st.integers(0, 0xFFFFFFFF), secret=st.binary(min_size=16, max_size=16))
    def begin(self, start: int, secret: bytes) -> None:
        self.now = start
        self.table = FlowTable(CAPACITY, LIFETIME_MS, hint_ways=64, secret=secret)
        self.model: dict[tuple[bytes, int], tuple[Flow, int]] = {}

    @property
    def clock(self) -> int:
        return self.now & 0xFFFFFFFF

    @rule(ms=st.one_of(st.integers(0, 20), st.integers(0, 2 * LIFETIME_MS)))
    def time_passes(self, ms: int) -> None:
        self.now += ms
        expired = [client for client, (_, renewed) in self.model.items() if self.now - renewed >= LIFETIME_MS]
        for client in expired:
            del self.model[client]

    @rule(flow=flows, may_evict=st.booleans())
    def put(self, flow: Flow, may_evict: bool) -> None:
        was_there = flow.client in self.model
        outcome = self.table.put(flow, self.clock, may_evict=may_evict)
        if was_there:
            assert outcome is PutOutcome.REPLACED
        elif outcome is PutOutcome.REFUSED:
            assert len(self.table) >= BUCKET
            assert self.table.find(flow.client, self.clock) is None
            return
        elif outcome is PutOutcome.EVICTED:
            assert may_evict
            assert len(self.table) >= BUCKET
            lost = [client for client in self.model if self.table.find(client, self.clock) is None]
            assert len(lost) == 1
            del self.model[lost[0]]
        self.model[flow.client] = flow, self.now

    @rule(client=clients)
    def renew(self, client: tuple[bytes, int]) -> None:
        assert self.table.renew(client, self.clock) == (client in self.model)
        if client in self.model:
            self.model[client] = self.model[client][0], self.now

    @rule(client=clients)
    def end(self, client: tuple[bytes, int]) -> None:
        assert self.table.end(client, self.clock) == (client in self.model)
        self.model.pop(client, None)

    @rule()
    def sweep(self) -> None:
        before = len(self.table)
        assert 0 <= self.table.sweep(self.clock) <= before
        assert len(self.table) >= len(self.model)

    @invariant()
    def every_flow_is_found_and_no_other(self) -> None:
        if not hasattr(self, "table"):
            return
        found = {client: self.table.find(client, self.clock) for client in CLIENTS}
        assert {client: flow for client, flow in found.items() if flow} == {
            client: flow for client, (flow, _) in self.model.items()
        }
        assert len(self.table) <= CAPACITY

    @invariant()
    def hints_and_routes_lead_to_their_flows(self) -> None:
        if not hasattr(self, "table"):
            return
        live = [flow for flow, _ in self.model.values()]
        for hint in HINTS[1:]:
            assert hint is not None
            carrying = sorted(flow for flow in live if flow.hint == hint)
            assert sorted(self.table.find_hint(hint, self.clock, 64)) == carrying
            assert len(self.table.find_hint(hint, self.clock, 2)) == min(2, len(carrying))
        asked = [(1, number) for number in range(5)]
        used = {(flow.cluster, flow.transceiver) for flow in live}
        assert self.table.routes_in_use(asked, self.clock) == used


FlowTableMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestFlowTable = FlowTableMachine.TestCase


def test_a_sweep_of_a_whole_round_leaves_the_living_only() -> None:
    table = FlowTable(1000, LIFETIME_MS)
    for number, client in enumerate(CLIENTS):
        table.put(Flow(client, 1, 1, None), number * 20)
    now = LIFETIME_MS + 12 * 20
    expired = sum(table.sweep(now + ms) for ms in range(0, LIFETIME_MS // 4, 5))
    now += LIFETIME_MS // 8
    assert len(table) <= sum(table.find(client, now) is not None for client in CLIENTS)
    assert expired + len(table) == len(CLIENTS)
