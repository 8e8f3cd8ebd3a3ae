"""Sessions that were asked for and have not called yet: each lets one client name its call's body beforehand."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..errors import OverloadError
from .auth import Owner

__all__ = ["Starts"]

_Entry = tuple[float, Owner, dict[str, Any]]


class Starts:
    """Bodies by session id, bounded in number and time.

    Args:
        random: returns that many random octets.
        clock: seconds.
        capacity: how many may live at a time.
        lifetime: seconds that each lives.
    """

    def __init__(
        self, random: Callable[[int], bytes], clock: Callable[[], float], capacity: int, lifetime: float
    ) -> None:
        self._random = random
        self._clock = clock
        self._capacity = capacity
        self._lifetime = lifetime
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def create(self, owner: Owner, body: dict[str, Any]) -> str:
        """Return the id of a new session.

        Raises:
            OverloadError: too many live; nothing was made.
        """
        now = self._clock()
        while self._entries and next(iter(self._entries.values()))[0] <= now:
            self._entries.popitem(last=False)
        if len(self._entries) >= self._capacity:
            raise OverloadError("there are as many started sessions as the server keeps")
        session_id = str(uuid.UUID(bytes=self._random(16), version=4))
        self._entries[session_id] = (now + self._lifetime, owner, body)
        return session_id

    def find(self, session_id: str, owner: Owner) -> dict[str, Any] | None:
        """Return the body of a session, None where it is unknown, another's, or too old."""
        entry = self._entries.get(session_id)
        return entry[2] if entry is not None and entry[1] == owner and self._clock() < entry[0] else None
