"""One connection of a SmallWebRTC client, as its offers and our answers settled it."""

from __future__ import annotations

import re
from http import HTTPStatus

from ..session.negotiation import IceCredentials
from ..session.sdp import Offer
from ..transceiver.accepted_call import AcceptedCall
from .calls import Call
from .problems import Problem

__all__ = ["SmallWebRtcConnection"]


class SmallWebRtcConnection:
    """What a further offer of the same connection is measured by.

    Args:
        call: in the table.
        accepted: what the first offer settled.

    Attributes:
        call: in the table.
        remote: the client's ICE credentials by now.
        answer: the last one.
    """

    def __init__(self, call: Call, accepted: AcceptedCall) -> None:
        self.call = call
        self.remote = accepted.negotiation.remote_ice
        self.answer = accepted.answer
        self._negotiation = accepted.negotiation

    def credentials_in(self, offer: Offer) -> IceCredentials:
        """Return the ICE credentials of a further offer.

        Raises:
            Problem: 422, it is for another connection: another certificate, or without the audio of this one.
        """
        audio = self._negotiation.audio
        for section in offer.sections:
            transport = offer.transport_of(section)
            if audio is None or (section.mid or "") != audio.mid or transport.ice is None:
                continue
            if set(transport.fingerprints) == set(self._negotiation.remote_fingerprints):
                return transport.ice
        detail = "an offer for a connection that exists keeps its certificate and its audio; set restart_pc for another"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "renegotiation", detail)

    def restarted(self, remote: IceCredentials, local: IceCredentials) -> None:
        """Both sides have new ICE credentials: the answer says ours from now on."""
        self.remote = remote
        self.answer = _replaced(_replaced(self.answer, "ice-ufrag", local.ufrag), "ice-pwd", local.pwd)


def _replaced(answer: str, name: str, value: str) -> str:
    return re.sub(rf"(?m)^a={name}:[^\r\n]*", lambda _: f"a={name}:{value}", answer)
