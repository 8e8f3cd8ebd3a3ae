"""What answers the calls of the Realtime door, as far as the door has to know it."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Controller", "NoEvents", "RealtimeCalls"]


class Controller(Protocol):
    """One who takes part in a call's events beside its client.

    Attributes:
        close_code: of the WebSocket (RFC 6455 section 7.4), once :meth:`receive` has returned None.
    """

    close_code: int

    async def receive(self) -> str | None:
        """Return the next event for it; None once the call is over, or events were not read in time."""

    def put(self, text: str | bytes) -> None:
        """Take an event of its."""

    def leave(self) -> None:
        """It is gone. Idempotent."""


class RealtimeCalls(Protocol):
    """The calls by the endpoint's ids."""

    def configure(self, call_id: str, session: dict[str, Any]) -> None:
        """Take the session configuration of a call that was accepted, before its answer leaves."""

    def join(self, call_id: str) -> Controller | None:
        """Let somebody take part in the events of a call; None where it has none.

        Raises:
            OverloadError: too many take part already.
        """


class NoEvents:
    """Calls without sessions and events."""

    def configure(self, call_id: str, session: dict[str, Any]) -> None:
        """Nobody wants to know."""

    def join(self, call_id: str) -> None:
        """There is nothing to take part in."""
