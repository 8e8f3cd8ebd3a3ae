"""Which call a datagram belongs to."""

from __future__ import annotations

from rtcsplit.transceiver.session_table import SessionTable
from rtcsplit.wire.address import Address

HERE, THERE = Address.of("192.0.2.1", 1000), Address.of("192.0.2.2", 1000)


def table(silent: set[str] | None = None) -> SessionTable[str]:
    return SessionTable(lambda call, client, now: call in (silent or set()))


def test_a_call_is_found_by_ufrag_and_by_each_of_its_addresses() -> None:
    calls = table()
    calls.add("ufrag", "call")
    assert calls.bind(HERE, "call", 0.0)
    assert calls.bind(THERE, "call", 0.0)
    assert calls.of_ufrag("ufrag") == calls.of_client(HERE) == calls.of_client(THERE) == "call"
    assert "ufrag" in calls
    assert len(calls) == 1


def test_the_first_living_call_keeps_its_address() -> None:
    """A14: a second session on the same tuple does not take it."""
    calls = table()
    calls.add("one", "first")
    calls.add("two", "second")
    assert calls.bind(HERE, "first", 0.0)
    assert not calls.bind(HERE, "second", 0.0)
    assert calls.of_client(HERE) == "first"


def test_a_silent_call_loses_its_address_to_the_next_one() -> None:
    calls = table({"first"})
    calls.add("one", "first")
    calls.add("two", "second")
    calls.bind(HERE, "first", 0.0)
    assert calls.bind(HERE, "second", 0.0)
    calls.remove("first")
    assert calls.of_client(HERE) == "second"


def test_nothing_of_a_removed_call_is_left() -> None:
    calls = table()
    calls.add("ufrag", "call")
    calls.bind(HERE, "call", 0.0)
    calls.remove("call")
    assert calls.of_ufrag("ufrag") is None
    assert calls.of_client(HERE) is None
    assert len(calls) == 0


def test_an_address_that_a_call_gives_up_is_whoevers_waits() -> None:
    calls = table()
    calls.add("one", "first")
    calls.add("two", "second")
    for address in (HERE, THERE):
        calls.bind(address, "first", 0.0)
    calls.bind(HERE, "second", 0.0)
    for address in (HERE, THERE):
        calls.forget(address, "first")
    assert calls.of_client(HERE) == "second"
    assert calls.of_client(THERE) is None
    calls.forget(HERE, "second")
    calls.forget(HERE, "second")
    assert len(calls.native) == 0


def test_a_call_may_have_several_ufrags_for_a_while() -> None:
    """C18: both lead to it; the one that retires leads nowhere, and removal forgets the rest."""
    calls = table()
    calls.add("old", "call")
    calls.bind(HERE, "call", 0.0)
    calls.add("new", "call")
    assert calls.of_ufrag("old") == calls.of_ufrag("new") == calls.of_client(HERE) == "call"
    assert len(calls) == 1
    calls.retire("old")
    assert "old" not in calls
    assert calls.of_ufrag("new") == "call"
    calls.remove("call")
    assert "new" not in calls
    assert calls.of_client(HERE) is None
    assert len(calls) == 0


def test_an_address_that_a_call_waits_for_is_its_own_when_the_owner_ends() -> None:
    """A14: of several that wait, the one whose claim is newest."""
    calls = table()
    for ufrag in ("first", "second", "third"):
        calls.add(ufrag, ufrag)
        calls.bind(HERE, ufrag, 0.0)
    assert calls.of_client(HERE) == "first"
    assert calls.awaits(HERE, "second")
    assert not calls.bind(HERE, "second", 1.0)
    calls.remove("first")
    assert calls.of_client(HERE) == "second"
    assert not calls.awaits(HERE, "second")
    calls.remove("third")
    calls.remove("second")
    assert calls.of_client(HERE) is None
    assert len(calls.native) == 0


def test_a_call_that_lost_its_address_gets_it_back_when_the_other_one_ends() -> None:
    calls = table({"first"})
    calls.add("one", "first")
    calls.add("two", "second")
    calls.bind(HERE, "first", 0.0)
    assert calls.bind(HERE, "second", 0.0)
    assert calls.awaits(HERE, "first")
    calls.remove("second")
    assert calls.of_client(HERE) == "first"


def test_a_call_that_was_silent_has_its_address_back_when_it_is_heard_there() -> None:
    """A14, T12: whatever the one that took it does; a replay, which leaves it silent, gives it nothing."""
    silent = {"first"}
    calls = table(silent)
    calls.add("one", "first")
    calls.add("two", "second")
    calls.bind(HERE, "first", 0.0)
    assert calls.bind(HERE, "second", 0.0)
    assert not calls.bind(HERE, "first", 0.0)
    silent.clear()
    assert calls.bind(HERE, "first", 0.0)
    assert not calls.bind(HERE, "second", 0.0)
    assert calls.of_client(HERE) == "first"


def test_a_call_stops_waiting_for_an_address_that_it_gives_up() -> None:
    calls = table()
    calls.add("one", "first")
    calls.add("two", "second")
    calls.bind(HERE, "first", 0.0)
    calls.bind(HERE, "second", 0.0)
    calls.forget(HERE, "second")
    assert not calls.awaits(HERE, "second")
    calls.remove("first")
    assert calls.of_client(HERE) is None
