"""What an application may have a call drive beside itself."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Companion"]


class Companion(Protocol):
    """Sans-IO, on the call's clock and timer."""

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called."""

    def handle_timer(self, now: float) -> None:
        """Do what is due at ``now``. Where it raises, the call ends."""

    def renegotiated(self, now: float) -> None:
        """The call's ``audio`` is that of a later answer. It must not raise."""
