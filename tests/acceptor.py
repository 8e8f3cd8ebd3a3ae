"""An acceptor of calls without packets: real offers and answers, calls in a dictionary."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from rtcsplit.errors import OverloadError
from rtcsplit.session.sdp import build_answer, parse_offer
from rtcsplit.signaling.whip import AcceptedCall
from tests.offers import LOCAL


class MemoryAcceptor:
    """Answers every offer that can be answered.

    Attributes:
        calls: running calls, with what tells signaling of their end.
        offers: every offer that was looked at.
        is_full: refuse all further calls.
    """

    def __init__(self) -> None:
        self.calls: dict[str, Callable[[], None]] = {}
        self.offers: list[bytes] = []
        self.is_full = False

    async def accept(self, offer: bytes, on_end: Callable[[], None]) -> AcceptedCall:
        self.offers.append(offer)
        answer = build_answer(parse_offer(offer), dataclasses.replace(LOCAL, version=len(self.offers)))
        if self.is_full:
            raise OverloadError("full", retry_after=2)
        call_id = f"call-{len(self.offers)}"
        self.calls[call_id] = on_end
        return AcceptedCall(call_id, answer.text)

    async def close(self, call_id: str) -> bool:
        on_end = self.calls.pop(call_id, None)
        if on_end is not None:
            on_end()
        return on_end is not None

    def expire(self, call_id: str) -> None:
        """End a call as its own deadline would."""
        self.calls.pop(call_id)()
