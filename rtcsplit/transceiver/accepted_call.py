"""What a transceiver hands to signalling for an offer: the one value that both sides know."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AcceptedCall"]


@dataclass(frozen=True, slots=True)
class AcceptedCall:
    """A call that has been made.

    Attributes:
        call_id: the transceiver's unguessable name for it (128 random bits); signalling may use one of its own.
        answer: the SDP answer.
    """

    call_id: str
    answer: str
