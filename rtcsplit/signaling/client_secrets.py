"""Short-lived secrets that a server hands to its pages: each opens calls until it expires, and nothing else."""

from __future__ import annotations

import hashlib
import heapq
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import OverloadError
from .auth import Owner

__all__ = ["PREFIX", "ClientSecrets", "Grant"]

PREFIX = "ek_"
_OCTETS = 24
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Grant:
    """What a secret stands for.

    Attributes:
        owner: whose calls it opens.
        expires_at: Unix time, seconds.
        session: configuration of its calls, as it was given.
    """

    owner: Owner
    expires_at: int
    session: dict[str, Any]


class ClientSecrets:
    """The secrets that live; kept as digests only.

    Args:
        random: returns that many random octets.
        clock: Unix time in seconds.
        capacity: how many may live at a time.
    """

    def __init__(self, random: Callable[[int], bytes], clock: Callable[[], float], capacity: int) -> None:
        self._random = random
        self._clock = clock
        self._capacity = capacity
        self._grants: dict[bytes, Grant] = {}
        self._expiries: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._grants)

    def create(self, owner: Owner, seconds: int, session: dict[str, Any]) -> tuple[str, Grant]:
        """Return a new secret.

        Raises:
            OverloadError: too many live; nothing was made.
        """
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            del self._grants[heapq.heappop(self._expiries)[1]]
        if len(self._grants) >= self._capacity:
            raise OverloadError("there are as many client secrets as the server keeps")
        secret = PREFIX + urlsafe_b64encode(self._random(_OCTETS)).decode()
        grant = Grant(owner, int(now) + seconds, session)
        digest = _digest(secret)
        self._grants[digest] = grant
        heapq.heappush(self._expiries, (grant.expires_at, digest))
        return secret, grant

    def find(self, secret: str) -> Grant | None:
        """Return what ``secret`` stands for, None where it is unknown or has expired."""
        if len(secret) > _LONGEST:
            return None
        grant = self._grants.get(_digest(secret))
        return grant if grant is not None and self._clock() < grant.expires_at else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
