"""The memory of transaction ids."""

from __future__ import annotations

import random

from rtcsplit.session.ice_transactions import CAPACITY, Sighting, TransactionMemory


def ids(count: int) -> list[bytes]:
    return [index.to_bytes(12, "big") for index in range(count)]


def test_an_id_is_fresh_once() -> None:
    """C11."""
    memory = TransactionMemory(random.Random(1).randbytes)
    assert [memory.see(one) for one in ids(50)] == [Sighting.FRESH] * 50
    assert [memory.see(one) for one in reversed(ids(50))] == [Sighting.REPEATED] * 50


def test_a_full_memory_still_knows_what_it_saw_and_takes_nothing_more() -> None:
    """C11: n-1, n, n+1 ids."""
    memory = TransactionMemory(random.Random(1).randbytes)
    *first, last, beyond = ids(CAPACITY + 1)
    assert {memory.see(one) for one in first} == {Sighting.FRESH}
    assert memory.see(last) is Sighting.FRESH
    assert memory.see(beyond) is Sighting.UNKNOWN
    assert memory.see(beyond) is Sighting.UNKNOWN
    assert {memory.see(one) for one in [*first, last]} == {Sighting.REPEATED}
    assert len(memory) == CAPACITY


def test_the_hash_is_keyed() -> None:
    """C11: two memories keep different words for the same ids, so collisions cannot be prepared."""
    asked = []

    def zeros(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    first, second = TransactionMemory(zeros), TransactionMemory(random.Random(2).randbytes)
    for one in ids(10):
        first.see(one)
        second.see(one)
    assert asked == [16]
    assert list(first._hashes) == sorted(first._hashes)
    assert not set(first._hashes) & set(second._hashes)
