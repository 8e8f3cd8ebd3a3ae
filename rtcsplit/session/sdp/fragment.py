"""ICE information without a description around it: ``application/trickle-ice-sdpfrag`` (RFC 8840 section 9).

A client sends one by HTTP PATCH to name further candidates, or new credentials when it restarts ICE (RFC 9725 section
4.3); we answer a restart with one. A fragment is the lines of a description that ICE has to do with, ``m=`` and
``a=mid`` to say which section they belong to, and no ``v=`` or ``o=``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import SdpError
from ...wire.address import Address
from ..negotiation import IceCredentials
from .candidate import RemoteCandidate, build_candidate, parse_candidates
from .grammar import Level, parse_fragment_levels
from .media_line import MediaLine, parse_media_line, parse_mid
from .transport import answered_ice_options, parse_ice_credentials, parse_ice_options

__all__ = ["Fragment", "build_fragment", "parse_fragment"]


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a client says about its ICE.

    Attributes:
        ice: its credentials.
        ice_options: tags of ``a=ice-options``, None where there is no such line.
        media: the ``m=`` line of the first section, None where there is no section.
        mid: of that section.
        candidates: the usable ones. Nothing is ever sent to them.
        has_ended: ``a=end-of-candidates``.
    """

    ice: IceCredentials
    ice_options: frozenset[str] | None
    media: MediaLine | None
    mid: str | None
    candidates: tuple[RemoteCandidate, ...]
    has_ended: bool


def parse_fragment(body: bytes | str) -> Fragment:
    """Read a fragment.

    Args:
        body: bounded like an offer.

    Raises:
        SdpError: it breaks the grammar or a bound, has no credentials, or different ones for sections that share one
            transport.
    """
    session, sections = parse_fragment_levels(body)
    levels = (session, *sections)
    for level in levels:
        if level.has("ice-lite"):
            raise level.all("ice-lite")[0].unsupported("ice_lite", "the client of an ICE-lite server is a full agent")
    options = [found for level in levels if (found := parse_ice_options(level)) is not None]
    return Fragment(
        ice=_credentials(session, sections),
        ice_options=frozenset().union(*options) if options else None,
        media=parse_media_line(sections[0].head) if sections else None,
        mid=parse_mid(sections[0]) if sections else None,
        candidates=tuple(candidate for level in levels for candidate in parse_candidates(level)),
        has_ended=any(level.has("end-of-candidates") for level in levels),
    )


def build_fragment(
    asked: Fragment, ice: IceCredentials, candidates: tuple[Address, ...], remote_options: frozenset[str]
) -> str:
    """Return our side of the ICE restart that ``asked`` is the client's of.

    Args:
        asked: whose section we name.
        ice: our new credentials.
        candidates: where the client reaches us.
        remote_options: the client's ``a=ice-options``, of the offer where ``asked`` has none.
    """
    return "".join(line + "\r\n" for line in _lines(asked, ice, candidates, remote_options))


def _lines(
    asked: Fragment, ice: IceCredentials, candidates: tuple[Address, ...], remote_options: frozenset[str]
) -> Iterator[str]:
    yield "a=ice-lite"
    yield f"a=ice-options:{' '.join(answered_ice_options(remote_options))}"
    if asked.media is not None:
        if asked.mid is not None:
            yield f"a=group:BUNDLE {asked.mid}"
        yield f"m={asked.media.kind} 9 {asked.media.protocol} {' '.join(asked.media.formats)}"
        if asked.mid is not None:
            yield f"a=mid:{asked.mid}"
    yield f"a=ice-ufrag:{ice.ufrag}"
    yield f"a=ice-pwd:{ice.pwd}"
    for index, address in enumerate(candidates):
        yield build_candidate(index, address)
    yield "a=end-of-candidates"


def _credentials(session: Level, sections: tuple[Level, ...]) -> IceCredentials:
    """All sections share one transport, so that what they say has to be the same."""
    said = [(level, ice) for level in sections if (ice := parse_ice_credentials(level)) is not None]
    for level, ice in said[1:]:
        if ice != said[0][1]:
            raise level.all("ice-ufrag")[0].malformed("ice_credentials", "one transport has one ufrag and password")
    found = said[0][1] if said else parse_ice_credentials(session)
    if found is None:
        raise SdpError("no_ice", "there is no ice-ufrag and ice-pwd", is_malformed=False)
    return found
