"""The offers and answers of one session, from the first to the last (RFC 3264 section 8, RFC 8839 section 4.4).

A later offer may turn the audio's direction, take formats away or put them in another order, replace the audio section,
begin or stop data channels, and restart ICE. What it may not do here is named by the refusals: change what a number
stands for (RFC 3264 section 8.3.2, RFC 8285 section 7), take away the format that is in use, or ask for another DTLS
association (RFC 8842 section 3.1), which takes a new session. A refused offer leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...errors import SdpError
from ..negotiation import AudioNegotiation, DtlsRole, IceCredentials, Negotiation
from .answer import Answer, build_answer
from .extension import check_extension_ids
from .local import LocalDescription
from .offer import MediaSection, Offer
from .transport import RemoteTransport, Setup

__all__ = ["OfferAnswer"]


class _Place(NamedTuple):
    """What a section has to stay while it is in use."""

    mid: str | None
    kind: str
    protocol: str

    @classmethod
    def of(cls, section: MediaSection) -> _Place:
        return cls(section.mid, section.kind, section.protocol)


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What the latest offer and its answer say, as far as a later offer is held against it."""

    places: tuple[_Place, ...]
    transport: RemoteTransport
    negotiation: Negotiation
    audio: AudioNegotiation


class OfferAnswer:
    """Our end of one session's offers and answers.

    Args:
        local: our side of the first answer.

    Attributes:
        local: our side as it is now: the ``o=`` line's session id stays, its version grows by one for each further
            answer, and an ICE restart changes the credentials.
    """

    __slots__ = ("_agreed", "local")

    def __init__(self, local: LocalDescription) -> None:
        self.local = local
        self._agreed: _Agreed | None = None

    @property
    def negotiation(self) -> Negotiation | None:
        """What the latest answer settled, with the peer's credentials of the latest restart; None before the first."""
        return None if self._agreed is None else self._agreed.negotiation

    def answer(self, offer: Offer, new_ice: Callable[[], IceCredentials] | None = None) -> Answer:
        """Answer the first offer, or a later one.

        Args:
            offer: see :func:`.offer.parse_offer`.
            new_ice: makes our credentials where a later offer restarts ICE; where there is none, it cannot.

        Raises:
            SdpError: the offer cannot be answered; nothing has changed.
        """
        if self._agreed is None:
            return self._take(offer, build_answer(offer, self.local), self.local)
        local = _later(self.local, self._agreed)
        answer = build_answer(offer, local, self._agreed.audio.mid)
        _check_sections(self._agreed, offer, answer)
        _check_association(self._agreed, offer, answer)
        _check_audio(self._agreed, answer)
        if _is_restart(self._agreed, offer, answer):
            if new_ice is None:
                raise answer.section.head.unsupported("ice_restart", "ICE cannot be restarted here")
            local = replace(local, ice=new_ice())
            answer = build_answer(offer, local, self._agreed.audio.mid)
        return self._take(offer, answer, local)

    def restarted(self, local: IceCredentials, remote: IceCredentials) -> None:
        """Take note that ICE was restarted without an offer (RFC 9725 section 4.3.3)."""
        self.local = replace(self.local, ice=local)
        if self._agreed is not None:
            transport = replace(self._agreed.transport, ice=remote)
            negotiation = replace(self._agreed.negotiation, remote_ice=remote)
            self._agreed = replace(self._agreed, transport=transport, negotiation=negotiation)

    def _take(self, offer: Offer, answer: Answer, local: LocalDescription) -> Answer:
        assert answer.negotiation.audio is not None
        if self._agreed is not None and self._agreed.negotiation.data is not None and answer.negotiation.data is None:
            local = replace(local, has_data=False)  # a DTLS association carries one SCTP association, once
        transport = offer.transport_of(answer.section)
        places = tuple(map(_Place.of, offer.sections))
        self._agreed = _Agreed(places, transport, answer.negotiation, answer.negotiation.audio)
        self.local = local
        return answer


def _later(local: LocalDescription, agreed: _Agreed) -> LocalDescription:
    """Return our side of the next answer: no more formats than were agreed on, and the same DTLS role."""
    return replace(
        local,
        version=local.version + 1,
        setup=agreed.negotiation.dtls_role.value,
        codecs=tuple(dict.fromkeys(codec.name for codec in agreed.audio.codecs)),
        wants_red=agreed.audio.red is not None,
    )


def _check_sections(agreed: _Agreed, offer: Offer, answer: Answer) -> None:
    """RFC 3264 section 8: sections stay in their places; what we refused may become something else."""
    if len(offer.sections) < len(agreed.places):
        raise SdpError("sections_removed", "a later offer has fewer sections", is_malformed=False)
    data = agreed.negotiation.data
    taken = {agreed.audio.mid, None if data is None else data.mid}
    for old, new in zip(agreed.places, offer.sections, strict=False):
        if (old.mid or "") in taken and old != _Place.of(new):
            raise new.head.unsupported("section_changed", "a section in use has become another one")
    if data is not None and answer.negotiation.data not in (data, None):
        raise answer.section.head.unsupported("section_changed", "the data channels' section is another one")


def _check_association(agreed: _Agreed, offer: Offer, answer: Answer) -> None:
    """RFC 8842 section 3.1: other fingerprints, another tls-id or another role would be another association."""
    before, after = agreed.transport, offer.transport_of(answer.section)
    is_other = frozenset(before.fingerprints) != frozenset(after.fingerprints) or before.tls_id != after.tls_id
    role = agreed.negotiation.dtls_role
    takes_our_role = after.setup is (Setup.ACTIVE if role is DtlsRole.CLIENT else Setup.PASSIVE)
    if is_other or takes_our_role:
        raise answer.section.head.unsupported("association_changed", "another DTLS association needs a new session")


def _check_audio(agreed: _Agreed, answer: Answer) -> None:
    """Numbers keep their meaning, and what is being sent can go on."""
    before, after, head = agreed.audio, answer.negotiation.audio, answer.section.head
    assert after is not None
    check_extension_ids(head, answer.section.extensions, before.extensions)
    known = {codec.payload_type: codec.name for codec in before.formats}
    offered = {found.payload_type: found.name.lower() for found in answer.section.rtp_formats}
    is_moved = any(offered.get(number, name) != name for number, name in known.items())
    if is_moved or not {codec.payload_type for codec in after.formats} <= known.keys():
        raise head.unsupported("payload_type_moved", "a payload type stood for something else, or its format moved")
    in_use, now = before.codecs[0], after.codecs[0]
    if (in_use.payload_type, in_use.feedback) != (now.payload_type, now.feedback):
        raise head.unsupported("format_removed", "the format in use, or its feedback, is not offered any more")


def _is_restart(agreed: _Agreed, offer: Offer, answer: Answer) -> bool:
    """RFC 8839 sections 4.4.1.1.1, 4.4.2.1: a restart changes both ufrag and password, anything else neither."""
    before, after = agreed.transport, offer.transport_of(answer.section)
    assert before.ice is not None
    assert after.ice is not None
    if before.ice == after.ice:
        if before.ice_options != after.ice_options:
            raise answer.section.head.unsupported("ice_options", "ice-options change with an ICE restart only")
        return False
    if before.ice.ufrag == after.ice.ufrag or before.ice.pwd == after.ice.pwd:
        reason = "an ICE restart changes both ice-ufrag and ice-pwd"
        raise answer.section.head.unsupported("ice_half_changed", reason)
    return True
