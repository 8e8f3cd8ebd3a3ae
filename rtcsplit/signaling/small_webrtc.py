"""The HTTP protocol of SmallWebRTC, which pipecat's own clients speak: start, offer, candidates, status.

Calls are made and ended by a :class:`Negotiator`, which a Transceiver is. A further offer of a connection is answered
within its call; ``restart_pc`` gives the connection up for a new one.
docs/reference/small-webrtc.md lists requests and responses.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from ..errors import MissingLibraryError, OverloadError, SdpError

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError:
    raise MissingLibraryError("starlette", "pip install 'rtcsplit[signaling]'") from None

from ..transceiver.accepted_call import AcceptedCall
from .auth import BearerTokens, Owner, check_tokens
from .body import check_headers, check_media_type, read_body
from .calls import Call, CallTable
from .door import check_path, door_application, with_options
from .origin import check_origins
from .problems import Problem, overload_problem, problem_response, sdp_problem
from .small_webrtc_body import CandidatesRequest, OfferRequest, StartRequest, decode
from .starts import Starts
from .whip import CallAcceptor

__all__ = ["Negotiator", "SmallWebRtcSettings", "small_webrtc_application"]

_JSON = "application/json"

Opened = Callable[[str, str, Any], None]


class Negotiator(CallAcceptor, Protocol):
    """Where calls live that may be negotiated again."""

    async def renegotiate(self, call_id: str, offer: bytes) -> AcceptedCall | None:
        """Answer a later offer of a call; None where there is no such call any more.

        Raises:
            SdpError: the offer cannot be answered; the call is what it was.
        """
        ...


@dataclass(frozen=True, slots=True)
class SmallWebRtcSettings:
    """How the door behaves.

    Attributes:
        path: what stands before ``/start``, ``/api/offer``, ``/sessions`` and ``/status``; mostly nothing.
        tokens: bearer tokens, one of which each request but ``/status`` needs.
        allow_anonymous: serve requests without a token as well. Without tokens it has to be said.
        cors_origins: origins of pages that may call from a browser; ``*`` for all.
        max_sessions: connections at a time.
        max_sessions_per_token: connections at a time.
        max_starts: sessions started and not called yet, at a time.
        start_lifetime: seconds that a started session may be called.
        max_body: octets of a request's body.
        body_deadline: seconds until a body has to be complete.
    """

    path: str = ""
    tokens: tuple[str, ...] = ()
    allow_anonymous: bool = False
    cors_origins: tuple[str, ...] = ()
    max_sessions: int = 10_000
    max_sessions_per_token: int = 100
    max_starts: int = 10_000
    start_lifetime: float = 600.0
    max_body: int = 262_144
    body_deadline: float = 10.0

    def __post_init__(self) -> None:
        check_path(self.path, "/bot", may_be_empty=True)
        check_tokens(self.tokens, allow_anonymous=self.allow_anonymous)
        check_origins(self.cors_origins)


def small_webrtc_application(
    endpoint: Negotiator,
    settings: SmallWebRtcSettings,
    opened: Opened = lambda call_id, pc_id, data: None,
    *,
    random: Callable[[int], bytes] = secrets.token_bytes,
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return the protocol as an application: to be run as it is, or mounted into another one.

    Args:
        endpoint: makes and ends the calls.
        settings: see there.
        opened: called with the endpoint's id of each call, its ``pc_id`` and the client's request data (any JSON
            value, the body of ``/start`` where there is none), before its answer leaves.
        random: returns that many octets, for ids.
        clock: monotonic seconds, for the expiry of started sessions.
    """
    door = _Door(endpoint, settings, opened, random, clock)
    base = settings.path
    routes = [
        Route(f"{base}/status", door.status, methods=["GET"]),
        Route(f"{base}/start", with_options(door.start), methods=["POST", "OPTIONS"]),
        *(
            Route(path, with_options(door.negotiate), methods=["POST", "PATCH", "OPTIONS"])
            for path in (f"{base}/api/offer", f"{base}/sessions/{{session}}/api/offer")
        ),
    ]
    return door_application(routes, settings.cors_origins, problem_response)


class _Door:
    """The handlers, over one table of calls."""

    def __init__(
        self,
        endpoint: Negotiator,
        settings: SmallWebRtcSettings,
        opened: Opened,
        random: Callable[[int], bytes],
        clock: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._opened = opened
        self._tokens = BearerTokens(settings.tokens, allow_anonymous=settings.allow_anonymous)
        self._starts = Starts(random, clock, settings.max_starts, settings.start_lifetime)
        self._calls = CallTable(random, settings.max_sessions, settings.max_sessions_per_token)

    async def status(self, request: Request) -> Response:
        """What is served here."""
        check_headers(request)
        return _json({"status": "ready", "transports": ["webrtc"]})

    async def start(self, request: Request) -> Response:
        """A session whose offer will follow."""
        owner = self._tokens.owner_of(request)
        wish = decode(await self._body(request) or b"{}", StartRequest)
        try:
            return _json({"sessionId": self._starts.create(owner, wish.body)})
        except OverloadError as error:
            raise overload_problem(error) from None

    async def negotiate(self, request: Request) -> Response:
        """An offer by POST, candidates by PATCH."""
        owner = self._tokens.owner_of(request)
        session_id = request.path_params.get("session")
        started = None if session_id is None else self._starts.find(session_id, owner)
        if session_id is not None and started is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no_session", "there is no such session, or not any more")
        body = await self._body(request)
        if request.method == "PATCH":
            return self._take_candidates(decode(body, CandidatesRequest), owner)
        wish = decode(body, OfferRequest)
        offer = wish.sdp.encode(errors="replace")
        call = None if wish.pc_id is None else self._calls.find(wish.pc_id, owner)
        try:
            if call is None or wish.restart_pc:
                await self._give_up(call)
                return await self._open(wish, offer, owner, started)
            return await self._renegotiate(call, offer)
        except OverloadError as error:
            raise overload_problem(error) from None
        except SdpError as error:
            raise sdp_problem(error) from None

    def _take_candidates(self, wish: CandidatesRequest, owner: Owner) -> Response:
        """Candidates change nothing: an ICE-lite agent learns where its peer is from checks alone."""
        if self._calls.find(wish.pc_id, owner) is None:
            raise _no_connection()
        return _json({"status": "success"})

    async def _open(self, wish: OfferRequest, offer: bytes, owner: Owner, started: dict[str, Any] | None) -> Response:
        call = self._calls.open(owner)
        accepted = await self._calls.accept(call, lambda forget: self._endpoint.accept(offer, forget))
        data = wish.request_data if wish.request_data is not None else wish.camel_request_data
        self._opened(accepted.call_id, call.id, started if data is None else data)
        return _answer(call, accepted)

    async def _renegotiate(self, call: Call, offer: bytes) -> Response:
        accepted = await self._endpoint.renegotiate(call.call_id or "", offer)
        if accepted is None:
            raise _no_connection()
        return _answer(call, accepted)

    async def _give_up(self, call: Call | None) -> None:
        if call is not None and self._calls.end(call):
            await self._endpoint.close(call.call_id or "")

    async def _body(self, request: Request) -> bytes:
        if request.headers.get("content-length") != "0":
            check_media_type(request, _JSON)
        return await read_body(request, self._settings.max_body, self._settings.body_deadline)


def _answer(call: Call, accepted: AcceptedCall) -> Response:
    return _json({"sdp": accepted.answer, "type": "answer", "pc_id": call.id})


def _no_connection() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "no_connection", "there is no such connection")


def _json(value: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(value), HTTPStatus.OK, {"Cache-Control": "no-store"}, _JSON)
