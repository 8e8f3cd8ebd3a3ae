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

    The heap has numbers and no keys, so that who is taken out is let go at once: hundreds of ended calls that were
    freed together, when their entries were cleared away, took 16 ms.
    """

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._places: dict[Key, tuple[float, int]] = {}  # the earliest place of a key in the heap
        self._keys: dict[int, Key] = {}  # by the number of that place
        self._heap: list[tuple[float, int]] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._due)

    def schedule(self, key: Key, when: float | None) -> None:
        """Wake ``key`` at ``when`` instead of whenever it was; None takes it out."""
        if when is None:
            if self._due.pop(key, None) is not None:
                del self._keys[self._places.pop(key)[1]]
            return
        self._due[key] = when
        place = self._places.get(key)
        if place is None or when < place[0]:
            if place is not None:
                del self._keys[place[1]]
            self._push(key, when)
            self._compact()

    def next(self) -> float | None:
        """Return the earliest due time, None when nothing is scheduled."""
        while self._heap:
            queued, order = self._heap[0]
            key = self._keys.get(order)
            if key is not None and self._due[key] == queued:
                return queued
            heapq.heappop(self._heap)
            if key is not None:
                del self._keys[order]
                self._push(key, self._due[key])
        return None

    def due(self, now: float) -> list[Key]:
        """Take out and return the keys whose time has come, earliest first."""
        keys: list[Key] = []
        while (when := self.next()) is not None and when <= now:
            key = self._keys.pop(heapq.heappop(self._heap)[1])
            del self._due[key], self._places[key]
            keys.append(key)
        return keys

    def _push(self, key: Key, when: float) -> None:
        self._order += 1
        self._places[key] = when, self._order
        self._keys[self._order] = key
        heapq.heappush(self._heap, self._places[key])

    def _compact(self) -> None:
        """Rebuild once dead entries outnumber live ones, so that memory stays proportional to the keys."""
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = sorted(self._places.values())
