"""What a session has to send, in the order in which it came up, each on the path of that moment."""

from __future__ import annotations

from ..wire.address import Path
from .ice import IceLite
from .srtp import SrtpSession

__all__ = ["Outbox", "Outgoing"]

Outgoing = tuple[bytes, Path, SrtpSession | None]
"""What a session sends: a datagram and its path, or a packet, its path and the keys that are to protect it."""


class Outbox:
    """A session's queue of what is to be sent.

    Args:
        ice: says where to, and learns that something was sent.
    """

    __slots__ = ("_ice", "_queue")

    def __init__(self, ice: IceLite) -> None:
        self._ice = ice
        self._queue: list[Outgoing] = []

    def put(self, octets: bytes, srtp: SrtpSession | None, now: float) -> None:
        """Queue a datagram, or a packet that ``srtp`` is to protect; without a path it is dropped."""
        path = self._ice.path
        if path is not None:
            self._queue.append((octets, path, srtp))
            self._ice.note_sent(now)

    def put_answers(self, now: float) -> None:
        """Queue what ICE has to send; it names the paths itself."""
        self._queue += [(datagram, path, None) for datagram, path in self._ice.datagrams_to_send(now)]

    def take(self) -> list[Outgoing]:
        """Return and forget the queue."""
        queue, self._queue = self._queue, []
        return queue

    def clear(self) -> None:
        """Forget the queue."""
        self._queue.clear()
