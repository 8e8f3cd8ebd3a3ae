"""What a transceiver hands to signalling for an offer or an ICE restart: the values that both sides know."""

from __future__ import annotations

from dataclasses import dataclass

from ..session.negotiation import IceCredentials, Negotiation
from ..wire.address import Address

__all__ = ["AcceptedCall", "RestartedCall"]


@dataclass(frozen=True, slots=True)
class AcceptedCall:
    """A call that has been made.

    Attributes:
        call_id: the transceiver's unguessable name for it (128 random bits); signalling may use one of its own.
        answer: the SDP answer.
        negotiation: what offer and answer settled; its ICE part is what candidates and restarts are checked against.
    """

    call_id: str
    answer: str
    negotiation: Negotiation


@dataclass(frozen=True, slots=True)
class RestartedCall:
    """A call whose ICE restarts: what the client has to check next (RFC 9725 section 4.3.3).

    Attributes:
        ice: our new credentials.
        candidates: where the client reaches us, the preferred address first.
    """

    ice: IceCredentials
    candidates: tuple[Address, ...]
