"""The HTTP protocol of SmallWebRTC, which pipecat's own clients speak: start, offer, candidates, status.

Calls are made and ended by a :class:`~rtcsplit.signaling.whip.CallAcceptor`. An offer for a connection that exists
restarts its ICE where it has new credentials; ``restart_pc`` gives the connection up for a new one.
docs/reference/small-webrtc.md lists requests and responses.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import ConfigurationError, OverloadError, SdpError
from ..session.sdp import parse_offer
from .auth import BearerTokens, Owner
from .body import check_headers, check_media_type, read_body
from .calls import CallTable
from .cors import Cors, preflight_headers
from .problems import Problem, overload_problem, problem_response, sdp_problem
from .small_webrtc_body import CandidatesRequest, OfferRequest, StartRequest, decode
from .small_webrtc_connection import SmallWebRtcConnection
from .starts import Starts
from .whip import CallAcceptor

__all__ = ["SmallWebRtcSettings", "small_webrtc_application"]

_JSON = "application/json"

Opened = Callable[[str, str, Any], None]
_Handler = Callable[[Request], Awaitable[Response]]


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
        is_prefix = self.path == "" or (self.path.startswith("/") and not self.path.endswith("/"))
        if not is_prefix or set(self.path) & set("{}?#"):
            raise ConfigurationError("path", self.path, 'empty, or a URL path like "/bot" without a slash at its end')
        if not self.tokens and not self.allow_anonymous:
            raise ConfigurationError("tokens", None, "at least one token, or allow_anonymous = true")
        if not all(self.tokens):
            raise ConfigurationError("tokens", "", "tokens that are not empty")


def small_webrtc_application(
    endpoint: CallAcceptor,
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
        Route(f"{base}/start", _with_options(door.start), methods=["POST", "OPTIONS"]),
        *(
            Route(path, _with_options(door.negotiate), methods=["POST", "PATCH", "OPTIONS"])
            for path in (f"{base}/api/offer", f"{base}/sessions/{{session}}/api/offer")
        ),
    ]
    application = Starlette(
        routes=routes,
        middleware=[Middleware(Cors, origins=settings.cors_origins)],
        exception_handlers={HTTPException: problem_response},
    )
    application.router.redirect_slashes = False  # it would redirect to whatever Host names
    return application


def _with_options(handler: _Handler) -> _Handler:
    async def handle(request: Request) -> Response:
        check_headers(request)
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=preflight_headers())
        return await handler(request)

    return handle


class _Door:
    """The handlers, over one table of calls."""

    def __init__(
        self,
        endpoint: CallAcceptor,
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
        self._connections: dict[str, SmallWebRtcConnection] = {}

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
        try:
            connection = self._find(wish.pc_id, owner)
            if connection is not None and not wish.restart_pc:
                return await self._renegotiate(connection, wish)
            if connection is not None:
                await self._give_up(connection)
            return await self._open(wish, owner, started)
        except OverloadError as error:
            raise overload_problem(error) from None
        except SdpError as error:
            raise sdp_problem(error) from None

    def _find(self, pc_id: str | None, owner: Owner) -> SmallWebRtcConnection | None:
        connection = None if pc_id is None else self._connections.get(pc_id)
        return connection if connection is not None and connection.call.owner == owner else None

    def _take_candidates(self, wish: CandidatesRequest, owner: Owner) -> Response:
        """Candidates change nothing: an ICE-lite agent learns where its peer is from checks alone."""
        if self._find(wish.pc_id, owner) is None:
            raise Problem(HTTPStatus.NOT_FOUND, "no_connection", "there is no such connection")
        return _json({"status": "success"})

    async def _open(self, wish: OfferRequest, owner: Owner, started: dict[str, Any] | None) -> Response:
        call = self._calls.open(owner)

        def forget() -> None:
            self._calls.end(call)
            self._connections.pop(call.id, None)

        try:
            accepted = await self._endpoint.accept(wish.sdp.encode(errors="replace"), forget)
        except BaseException:
            self._calls.end(call)
            raise
        call.call_id = accepted.call_id
        connection = SmallWebRtcConnection(call, accepted)
        self._connections[call.id] = connection
        data = wish.request_data if wish.request_data is not None else wish.camel_request_data
        self._opened(accepted.call_id, call.id, started if data is None else data)
        return _answer(connection)

    async def _renegotiate(self, connection: SmallWebRtcConnection, wish: OfferRequest) -> Response:
        """The answer again, with new credentials where the offer has some."""
        remote = connection.credentials_in(parse_offer(wish.sdp))
        if remote != connection.remote:
            assert connection.call.call_id is not None
            restarted = await self._endpoint.restart(connection.call.call_id, remote)
            if restarted is None:
                raise Problem(HTTPStatus.NOT_FOUND, "no_connection", "there is no such connection")
            connection.restarted(remote, restarted.ice)
        return _answer(connection)

    async def _give_up(self, connection: SmallWebRtcConnection) -> None:
        self._connections.pop(connection.call.id, None)
        self._calls.end(connection.call)
        await self._endpoint.close(connection.call.call_id or "")

    async def _body(self, request: Request) -> bytes:
        if request.headers.get("content-length") != "0":
            check_media_type(request, _JSON)
        return await read_body(request, self._settings.max_body, self._settings.body_deadline)


def _answer(connection: SmallWebRtcConnection) -> Response:
    return _json({"sdp": connection.answer, "type": "answer", "pc_id": connection.call.id})


def _json(value: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(value), HTTPStatus.OK, {"Cache-Control": "no-store"}, _JSON)
