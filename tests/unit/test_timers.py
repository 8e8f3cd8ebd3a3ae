"""One queue of due times for all calls."""

from __future__ import annotations

import weakref

from hypothesis import given
from hypothesis import strategies as st

from rtcsplit.transceiver.timers import TimerQueue


def test_keys_come_due_earliest_first_and_once() -> None:
    queue: TimerQueue[str] = TimerQueue()
    queue.schedule("late", 3.0)
    queue.schedule("early", 1.0)
    queue.schedule("middle", 2.0)
    assert queue.due(2.0) == ["early", "middle"]
    assert queue.due(2.0) == []
    assert queue.next() == 3.0


def test_the_last_word_counts() -> None:
    queue: TimerQueue[str] = TimerQueue()
    queue.schedule("call", 1.0)
    queue.schedule("call", 5.0)
    assert queue.due(4.9) == []
    queue.schedule("call", 2.0)
    assert queue.next() == 2.0
    queue.schedule("call", None)
    assert queue.next() is None
    assert queue.due(100.0) == []
    assert len(queue) == 0


def test_rearming_a_million_times_keeps_the_memory_of_one_key() -> None:
    queue: TimerQueue[str] = TimerQueue()
    for step in range(100_000):
        queue.schedule("call", float(step))
    assert len(queue._heap) <= 2 * len(queue) + 65


def test_who_is_taken_out_is_let_go_at_once() -> None:
    """However long its place in the queue would last: calls that wait there are freed all together, for all to feel."""

    class Call:
        pass

    queue: TimerQueue[Call] = TimerQueue()
    others = [Call() for _ in range(10)]
    for step, other in enumerate(others):
        queue.schedule(other, 100.0 + step)
    call = Call()
    gone = weakref.ref(call)
    for when in (9.0, 5.0, 7.0, None):
        queue.schedule(call, when)
    del call
    assert gone() is None
    assert queue.next() == 100.0


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 50)))), st.integers(0, 50))
def test_agrees_with_a_dictionary(operations: list[tuple[int, int | None]], now: int) -> None:
    queue: TimerQueue[int] = TimerQueue()
    model: dict[int, float] = {}
    for key, when in operations:
        queue.schedule(key, when)
        if when is None:
            model.pop(key, None)
        else:
            model[key] = when
    assert queue.next() == min(model.values(), default=None)
    assert sorted(queue.due(now)) == sorted(key for key, when in model.items() if when <= now)
    assert queue.next() == min((when for when in model.values() if when > now), default=None)
