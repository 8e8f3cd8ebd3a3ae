"""When which call wants to be woken: one queue for all of them, so that one wake-up of the loop serves all."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

__all__ = ["TimerQueue"]

Key = TypeVar("Key")


class TimerQueue(Generic[Key]):
    """A priority queue of at most one due time per key. Times are seconds of one monotonic clock.

    Rescheduling leaves the old entry behind, to be skipped when it comes up; a later time costs nothing until then,
    which is what makes re-arming after every datagram cheap.
    """

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._due)

    def schedule(self, key: Key, when: float | None) -> None:
        """Wake ``key`` at ``when`` instead of whenever it was; None takes it out."""
        if when is None:
            self._due.pop(key, None)
        elif self._due.get(key) != when:
            self._due[key] = when
            self._order += 1
            heapq.heappush(self._heap, (when, self._order, key))
            self._compact()

    def next(self) -> float | None:
        """Return the earliest due time, None when nothing is scheduled."""
        self._skip_stale()
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[Key]:
        """Take out and return the keys whose time has come, earliest first."""
        keys: list[Key] = []
        while (when := self.next()) is not None and when <= now:
            key = heapq.heappop(self._heap)[2]
            del self._due[key]
            keys.append(key)
        return keys

    def _skip_stale(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def _compact(self) -> None:
        """Rebuild once stale entries outnumber live ones, so that memory stays proportional to the keys."""
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
