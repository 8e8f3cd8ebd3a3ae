"""Whatever calls do with addresses, each address has one owner that claimed it, and what is over leaves nothing."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rtcsplit.transceiver.session_table import SessionTable
from rtcsplit.wire.address import Address

CLIENTS = [Address.of("192.0.2.1", port) for port in range(1, 5)]
clients = st.sampled_from(CLIENTS)
places = st.integers(0, 3)


class Calls(RuleBasedStateMachine):
    """Calls by their ufrags; ``claims`` are the addresses that a call has checked from and not given up."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: set[tuple[str, Address]] = set()
        self.table: SessionTable[str] = SessionTable(lambda call, client, now: (call, client) in self.silent)
        self.claims: dict[str, set[Address]] = {}
        self.made = 0

    def call(self, place: int) -> str:
        return list(self.claims)[place % len(self.claims)]

    @rule()
    def begin(self) -> None:
        if len(self.claims) < 4:
            self.made += 1
            call = f"call {self.made}"
            self.claims[call] = set()
            self.table.add(call, call)

    @precondition(lambda self: self.claims)
    @rule(place=places, client=clients)
    def check(self, place: int, client: Address) -> None:
        """A fresh check: the call is heard there."""
        call, owner = self.call(place), self.table.of_client(client)
        self.silent.discard((call, client))
        has_it = self.table.bind(client, call, 0.0)
        self.claims[call].add(client)
        assert has_it is (self.table.of_client(client) == call)
        assert has_it or self.table.of_client(client) == owner
        assert has_it is not self.table.awaits(client, call)
        if owner is None or (owner, client) in self.silent:
            assert has_it

    @precondition(lambda self: self.claims)
    @rule(place=places, client=clients)
    def fall_silent(self, place: int, client: Address) -> None:
        self.silent.add((self.call(place), client))

    @precondition(lambda self: self.claims)
    @rule(place=places, client=clients)
    def give_up(self, place: int, client: Address) -> None:
        call = self.call(place)
        self.table.forget(client, call)
        self.claims[call].discard(client)
        assert not self.table.awaits(client, call)

    @precondition(lambda self: self.claims)
    @rule(place=places)
    def end(self, place: int) -> None:
        call = self.call(place)
        del self.claims[call]
        self.table.remove(call)

    @invariant()
    def every_claimed_address_has_one_owner_that_claimed_it(self) -> None:
        owned = 0
        for client in CLIENTS:
            owner = self.table.of_client(client)
            claimants = {call for call, claimed in self.claims.items() if client in claimed}
            assert (owner in claimants) if claimants else owner is None
            assert {call for call in self.claims if self.table.awaits(client, call)} == claimants - {owner}
            owned += owner is not None
        assert len(self.table.native) == owned
        assert len(self.table) == len(self.claims)


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
