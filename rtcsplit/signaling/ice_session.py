"""What PATCH does to a session: further candidates, and ICE restarts (RFC 9725 section 4.3).

An entity tag stands for one ICE session, from the answer or a restart to the next restart. ``If-Match`` with that tag
comes with candidates for it; ``If-Match: *`` asks for a restart. Where an offer restarted ICE meanwhile, by signaling
other than WHIP's, that began another ICE session too. Candidates change nothing here: an ICE-lite agent
learns where its peer is from checks alone. They are read all the same, so that a client hears of its mistakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request

from ..session.negotiation import IceCredentials, Negotiation
from ..session.sdp import Fragment, build_fragment, parse_fragment
from ..transceiver.accepted_call import RestartedCall
from .problems import Problem

__all__ = ["IceSession", "Restarted", "required_match"]

_TAG_OCTETS = 8
_ANY = "*"

Latest = Callable[[], Negotiation | None]
Restart = Callable[[IceCredentials], Awaitable[RestartedCall | None]]


@dataclass(frozen=True, slots=True)
class Restarted:
    """The answer to a restart: a fragment, and the tag of the ICE session that it begins."""

    fragment: str
    etag: str


def required_match(request: Request) -> frozenset[str]:
    """Return the entity tags of If-Match (RFC 9110 section 13.1.1); ``*`` stands for itself.

    Raises:
        Problem: 428, there is none (RFC 6585 section 3).
    """
    values = request.headers.getlist("if-match")
    if not values:
        detail = 'If-Match has to name the ICE session by its ETag, or be "*" for an ICE restart'
        raise Problem(HTTPStatus.PRECONDITION_REQUIRED, "if_match_missing", detail)
    return frozenset(tag.strip(" \t") for value in values for tag in value.split(","))


class IceSession:
    """The ICE side of one call, as HTTP sees it.

    Args:
        negotiation: of the call.
        random: returns that many random octets.

    Attributes:
        etag: entity tag of the current ICE session, a strong one.
    """

    def __init__(self, negotiation: Negotiation, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._remote = negotiation.remote_ice
        self._options = negotiation.remote_ice_options
        self._restarted: RestartedCall | None = None
        self._lock = asyncio.Lock()
        self.etag = self._new_tag()

    async def patch(self, match: frozenset[str], body: bytes, latest: Latest, restart: Restart) -> Restarted | None:
        """Do what a fragment asks for.

        Args:
            match: from If-Match.
            body: the fragment.
            latest: says what was settled last; None where the call has ended.
            restart: restarts the call's ICE; None likewise.

        Returns:
            The answer to a restart, None where there were candidates only.

        Raises:
            Problem: 404, 412 or 422.
            SdpError: the fragment cannot be used.

        After a refusal the ICE session is what it was.
        """
        async with self._lock:
            self._follow(latest())
            if match.isdisjoint((self.etag, _ANY)):
                detail = "this ICE session has been replaced by a restart"
                raise Problem(HTTPStatus.PRECONDITION_FAILED, "if_match", detail)
            fragment = parse_fragment(body)
            if fragment.ice == self._remote:
                return self._trickle(fragment, match)
            self._check_restart(fragment, match)
            return await self._restart(fragment, restart)

    def _follow(self, negotiation: Negotiation | None) -> None:
        if negotiation is None:
            raise _not_found()
        if negotiation.remote_ice != self._remote:
            self._remote, self._options = negotiation.remote_ice, negotiation.remote_ice_options
            self._restarted = None
            self.etag = self._new_tag()

    def _trickle(self, fragment: Fragment, match: frozenset[str]) -> Restarted | None:
        if fragment.ice_options is not None and fragment.ice_options != self._options:
            raise _unprocessable("ice_options", "ice-options change with an ICE restart only")
        if _ANY in match and self._restarted is not None:
            return self._answer(fragment, self._restarted)  # the request again, whose answer was lost
        return None

    def _check_restart(self, fragment: Fragment, match: frozenset[str]) -> None:
        """RFC 8839 section 4.4.1.1.1: a restart changes both ufrag and password."""
        if self._remote is not None and (
            fragment.ice.ufrag == self._remote.ufrag or fragment.ice.pwd == self._remote.pwd
        ):
            raise _unprocessable("ice_half_changed", "an ICE restart changes both ice-ufrag and ice-pwd")
        if _ANY not in match:
            raise _unprocessable("ice_unknown", 'these are not the credentials of this ICE session; restarts need "*"')

    async def _restart(self, fragment: Fragment, restart: Restart) -> Restarted:
        restarted = await restart(fragment.ice)
        if restarted is None:
            raise _not_found()
        self._remote = fragment.ice
        self._options = self._options if fragment.ice_options is None else fragment.ice_options
        self._restarted = restarted
        self.etag = self._new_tag()
        return self._answer(fragment, restarted)

    def _answer(self, fragment: Fragment, restarted: RestartedCall) -> Restarted:
        return Restarted(build_fragment(fragment, restarted.ice, restarted.candidates, self._options), self.etag)

    def _new_tag(self) -> str:
        return f'"{self._random(_TAG_OCTETS).hex()}"'


def _not_found() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "no_session", "there is no such session")


def _unprocessable(code: str, detail: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, detail)
