"""The one place where a transceiver counts what it drops, beside the log of the call that it was for."""

from __future__ import annotations

from collections import Counter

from ..drops import DropReason
from .call import Call

__all__ = ["DropCounter"]


class DropCounter:
    """Counts datagrams and packets that went nowhere.

    Attributes:
        counts: by reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[DropReason] = Counter()

    def drop(self, reason: DropReason, call: Call | None = None) -> None:
        """Count one, of a call where it is known whose it was."""
        self.counts[reason] += 1
        if call is not None and call.log is not None:
            call.log.dropped(reason)
