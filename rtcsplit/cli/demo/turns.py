"""When somebody speaks and when not any more, by loudness."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Turn", "TurnDetector"]

RATE = 24_000
_BLOCK = RATE // 50
_LOUD = 500  # mean of the absolute samples
_BEGINS, _ENDS = 5, 30  # blocks of 20 ms in a row


class Turn(NamedTuple):
    """The beginning or the end of an utterance.

    Attributes:
        number: of the utterance, from 1.
        at_ms: milliseconds since the first sample.
        seconds: how long it was; None at its beginning.
    """

    number: int
    at_ms: int
    seconds: float | None


class TurnDetector:
    """Of one caller."""

    def __init__(self) -> None:
        self._rest: array[int] = array("h")
        self._blocks = 0
        self._run = 0  # blocks in a row that contradict the state
        self._began: int | None = None
        self._number = 0

    def hear(self, samples: array[int]) -> Iterator[Turn]:
        """Take 16-bit samples and yield what changes."""
        self._rest.extend(samples)
        while len(self._rest) >= _BLOCK:
            block, self._rest = self._rest[:_BLOCK], self._rest[_BLOCK:]
            self._blocks += 1
            is_loud = sum(map(abs, block)) > _LOUD * _BLOCK
            self._run = self._run + 1 if is_loud is (self._began is None) else 0
            if self._run == (_BEGINS if self._began is None else _ENDS):
                yield self._turn()

    def _turn(self) -> Turn:
        at = self._blocks - self._run
        self._run = 0
        if self._began is None:
            self._began = at
            self._number += 1
            return Turn(self._number, at * 20, None)
        began, self._began = self._began, None
        return Turn(self._number, at * 20, (at - began) / 50)
