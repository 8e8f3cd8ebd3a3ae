"""The flight that we sent last, kept to be repeated octet for octet (RFC 6347 section 4.2.4).

Our own repetition begins 50 ms after a flight was sent and doubles, which heals a lost datagram of ours long before
OpenSSL's timer of one second. It cannot make the peer repeat what *it* lost: the peer drops our repeated records as
replays, so OpenSSL's retransmission, with new record numbers, stays in force beside it.
"""

from __future__ import annotations

__all__ = ["Flight"]

_FIRST_INTERVAL = 0.05


class Flight:
    """The datagrams of the last flight and when they are due again."""

    def __init__(self) -> None:
        self._datagrams: list[bytes] = []
        self._interval = _FIRST_INTERVAL
        self._repeated_at = 0.0
        self._due: float | None = None

    @property
    def due(self) -> float | None:
        """When to repeat; None where nothing waits for an answer."""
        return self._due

    def send(self, datagrams: list[bytes], now: float) -> None:
        """Keep a new flight; it is due in 50 ms."""
        self._interval = _FIRST_INTERVAL
        self._datagrams = datagrams
        self._repeated_at = now
        self._due = now + self._interval

    def replace(self, datagrams: list[bytes], now: float) -> None:
        """Keep OpenSSL's own retransmission in place of the flight; its interval, or its end, stays as it was."""
        self._datagrams = datagrams
        self._repeated_at = now
        if self._due is not None:
            self._due = now + self._interval

    def settle(self) -> None:
        """Stop repeating by time: the peer's next flight has begun to arrive, or no next one is expected."""
        self._due = None

    def repeat_when_due(self, now: float) -> list[bytes]:
        """Return the flight if its time has come, and double the interval."""
        if self._due is None or now < self._due:
            return []
        self._interval *= 2
        return self._repeat(now)

    def repeat(self, now: float) -> list[bytes]:
        """Return the flight out of turn, for as long as it waits for an answer."""
        return [] if self._due is None else self._repeat(now)

    def repeat_settled(self, now: float) -> list[bytes]:
        """Return the last flight of a handshake, which nothing answers; at most once in 50 ms."""
        if now < self._repeated_at + _FIRST_INTERVAL:
            return []
        self._repeated_at = now
        return list(self._datagrams)

    def _repeat(self, now: float) -> list[bytes]:
        self._repeated_at = now
        self._due = now + self._interval
        return list(self._datagrams)
