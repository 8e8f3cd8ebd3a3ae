"""Memory of the transaction ids of authenticated checks, so that a captured check replayed later moves nothing.

Ids are kept as 64-bit keyed hashes in one sorted array of machine words: 8 octets a check, at most 32 KiB, and a
look-up is a bisection. A peer that checks every 2.5 s fills it in 2.8 hours; from then on the path stays where it is
until ICE restarts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from enum import Enum
from hashlib import blake2b

__all__ = ["CAPACITY", "Sighting", "TransactionMemory"]

CAPACITY = 4096
_HASH_LENGTH = 8
_KEY_LENGTH = 16


class Sighting(Enum):
    """What the memory knows of a transaction id."""

    FRESH = "fresh"  # seen for the first time, and remembered from now on
    REPEATED = "repeated"  # seen before: a retransmission, or a replay
    UNKNOWN = "unknown"  # not remembered, and there is no room to remember it


class TransactionMemory:
    """The transaction ids of one ICE generation.

    Args:
        random: returns that many random octets; keys the hash, so that nobody can aim at collisions.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._key = random(_KEY_LENGTH)
        self._hashes = array("Q")

    def see(self, transaction_id: bytes) -> Sighting:
        """Look an id up, and remember it if there is room."""
        digest = blake2b(transaction_id, digest_size=_HASH_LENGTH, key=self._key).digest()
        value = int.from_bytes(digest, "big")
        index = bisect_left(self._hashes, value)
        if index < len(self._hashes) and self._hashes[index] == value:
            return Sighting.REPEATED
        if len(self._hashes) >= CAPACITY:
            return Sighting.UNKNOWN
        self._hashes.insert(index, value)
        return Sighting.FRESH

    def __len__(self) -> int:
        return len(self._hashes)
