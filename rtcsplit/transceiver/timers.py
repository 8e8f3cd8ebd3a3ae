"""When which call wants to be woken: one queue for all of them, so that one wake-up of the loop serves all."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

__all__ = ["TimerQueue"]

Key = TypeVar("Key")


class TimerQueue(Generic[Key]):
    """A priority queue of at most one due time per key. Times are seconds of one monotonic clock.

    The heap may hold a key at an earlier time than it is due, never at a later one only: a later time is looked at
    when the earlier one comes up. Most timers of a call only ever move away, with each packet, and that costs
    nothing here.
    """

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._queued: dict[Key, float] = {}  # the earliest place of a key in the heap
        self._heap: list[tuple[float, int, Key]] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._due)

    def schedule(self, key: Key, when: float | None) -> None:
        """Wake ``key`` at ``when`` instead of whenever it was; None takes it out."""
        if when is None:
            self._due.pop(key, None)
            return
        self._due[key] = when
        queued = self._queued.get(key)
        if queued is None or when < queued:
            self._push(key, when)
            self._compact()

    def next(self) -> float | None:
        """Return the earliest due time, None when nothing is scheduled."""
        while self._heap:
            queued, _, key = self._heap[0]
            due = self._due.get(key)
            if due == queued == self._queued.get(key):
                return due
            self._pop(queued, key, due)
        return None

    def due(self, now: float) -> list[Key]:
        """Take out and return the keys whose time has come, earliest first."""
        keys: list[Key] = []
        while (when := self.next()) is not None and when <= now:
            key = heapq.heappop(self._heap)[2]
            del self._due[key], self._queued[key]
            keys.append(key)
        return keys

    def _push(self, key: Key, when: float) -> None:
        self._order += 1
        self._queued[key] = when
        heapq.heappush(self._heap, (when, self._order, key))

    def _pop(self, queued: float, key: Key, due: float | None) -> None:
        """Take out the first entry of the heap, which comes too early; back in goes when ``key`` is due."""
        heapq.heappop(self._heap)
        if self._queued.get(key) != queued:
            return  # an earlier entry has taken its place
        del self._queued[key]
        if due is not None:
            self._push(key, due)

    def _compact(self) -> None:
        """Rebuild once dead entries outnumber live ones, so that memory stays proportional to the keys."""
        if len(self._heap) > 2 * len(self._due) + 64:
            live = self._due.keys()
            self._heap = [entry for entry in self._heap if entry[2] in live and self._queued.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
            self._queued = {key: when for when, _, key in self._heap}
