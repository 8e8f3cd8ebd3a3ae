"""An acceptor of calls without packets: real offers and answers, calls in a dictionary."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from rtcsplit.errors import OverloadError
from rtcsplit.session.negotiation import IceCredentials, Negotiation
from rtcsplit.session.sdp import build_answer, parse_offer
from rtcsplit.signaling.whip import AcceptedCall, RestartedCall
from rtcsplit.wire.address import Address
from tests.offers import LOCAL


class MemoryAcceptor:
    """Answers every offer that can be answered.

    Attributes:
        calls: running calls, with what tells signaling of their end.
        offers: every offer that was looked at.
        restarts: client credentials of every ICE restart, with the call.
        is_full: refuse all further calls and restarts.
    """

    def __init__(self) -> None:
        self.calls: dict[str, Callable[[], None]] = {}
        self.negotiations: dict[str, Negotiation] = {}
        self.offers: list[bytes] = []
        self.restarts: list[tuple[str, IceCredentials]] = []
        self.is_full = False

    async def accept(
        self, offer: bytes, on_end: Callable[[], None], *, candidates: tuple[Address, ...] = ()
    ) -> AcceptedCall:
        self.offers.append(offer)
        local = dataclasses.replace(LOCAL, version=len(self.offers), candidates=candidates or LOCAL.candidates)
        answer = build_answer(parse_offer(offer), local)
        if self.is_full:
            raise OverloadError("full", retry_after=2)
        call_id = f"call-{len(self.offers)}"
        self.calls[call_id] = on_end
        self.negotiations[call_id] = answer.negotiation
        return AcceptedCall(call_id, answer.text, answer.negotiation)

    async def renegotiate(self, call_id: str, offer: bytes) -> AcceptedCall | None:
        if call_id not in self.calls:
            return None
        self.offers.append(offer)
        answer = build_answer(parse_offer(offer), dataclasses.replace(LOCAL, version=len(self.offers)))
        self.negotiations[call_id] = answer.negotiation
        return AcceptedCall(call_id, answer.text, answer.negotiation)

    async def restart(self, call_id: str, remote: IceCredentials) -> RestartedCall | None:
        if self.is_full:
            raise OverloadError("full", retry_after=2)
        if call_id not in self.calls:
            return None
        self.restarts.append((call_id, remote))
        self.negotiations[call_id] = dataclasses.replace(self.negotiations[call_id], remote_ice=remote)
        ice = IceCredentials(f"EIlD5iIAAAAAAO/Rzi8+w8{len(self.restarts):02}", LOCAL.ice.pwd[::-1])
        return RestartedCall(ice, LOCAL.candidates)

    def negotiation(self, call_id: str) -> Negotiation | None:
        return self.negotiations[call_id] if call_id in self.calls else None

    async def close(self, call_id: str) -> bool:
        on_end = self.calls.pop(call_id, None)
        if on_end is not None:
            on_end()
        return on_end is not None

    def expire(self, call_id: str) -> None:
        """End a call as its own deadline would."""
        self.calls.pop(call_id)()
