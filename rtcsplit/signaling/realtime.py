"""The door of OpenAI's Realtime API over WebRTC, as its client libraries use it: calls, client secrets, hangup, and
the WebSocket beside a call.

Calls are made and ended by a :class:`~rtcsplit.signaling.whip.CallAcceptor`. Telephone calls (accept, reject, refer)
are not served. docs/reference/realtime.md lists requests and responses.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from ..errors import MissingLibraryError, OverloadError, SdpError

try:
    import python_multipart  # noqa: F401  # starlette asks for it with the first form
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route, WebSocketRoute
except ImportError as error:
    raise MissingLibraryError(error.name or "starlette", "pip install 'rtcsplit[gateway]'") from None

from .auth import BearerTokens, check_tokens
from .body import check_media_type, read_body
from .calls import CallTable
from .client_secrets import PREFIX, ClientSecrets, Grant
from .door import Handler, check_path, door_application, with_options
from .origin import check_origins
from .problems import overload_problem, sdp_problem
from .realtime_body import parse_call, parse_secret
from .realtime_calls import NoEvents, RealtimeCalls
from .realtime_errors import error_response, refusal
from .realtime_side import CALL_ID_PREFIX, SideChannel
from .whip import CallAcceptor

__all__ = ["RealtimeSettings", "realtime_application"]

_SDP = "application/sdp"
_HEADERS = ("X-OpenAI-Agents-SDK", "OpenAI-Beta", "OpenAI-Safety-Identifier")


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """How the door behaves.

    Attributes:
        path: URL path of the API within this application.
        tokens: standard keys, which open and end calls and make client secrets.
        allow_anonymous: serve requests without a key as well. Without keys it has to be said.
        cors_origins: origins of pages that may call from a browser; ``*`` for all.
        max_sessions: at a time.
        max_sessions_per_token: at a time, those of its client secrets included.
        max_secrets: client secrets that live at a time.
        max_body: octets of a request's body.
        body_deadline: seconds until a body has to be complete.
    """

    path: str = "/v1/realtime"
    tokens: tuple[str, ...] = ()
    allow_anonymous: bool = False
    cors_origins: tuple[str, ...] = ()
    max_sessions: int = 10_000
    max_sessions_per_token: int = 100
    max_secrets: int = 10_000
    max_body: int = 262_144
    body_deadline: float = 10.0

    def __post_init__(self) -> None:
        check_path(self.path, "/v1/realtime")
        check_tokens(self.tokens, allow_anonymous=self.allow_anonymous)
        check_origins(self.cors_origins)


def realtime_application(
    endpoint: CallAcceptor,
    settings: RealtimeSettings,
    calls: RealtimeCalls | None = None,
    *,
    random: Callable[[int], bytes] = secrets.token_bytes,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """Return the API as an application: to be run as it is, or mounted into another one.

    Args:
        endpoint: makes and ends the calls.
        settings: see there.
        calls: what answers them: it is told the session configuration of each call, and has its events.
        random: returns that many octets, for ids and secrets.
        clock: Unix time in seconds, for the expiry of secrets.
    """
    door = _Realtime(endpoint, settings, calls or NoEvents(), random, clock)
    base = settings.path
    handlers: dict[str, Handler] = {
        f"{base}/calls": door.call,
        f"{base}/calls/{{id}}/hangup": door.hang_up,
        f"{base}/calls/{{id}}/{{verb:str}}": door.telephone,
        f"{base}/client_secrets": door.secret,
    }
    routes = [
        WebSocketRoute(base, door.side_channel.serve),
        *(
            Route(path, with_options(handler, *_HEADERS), methods=["POST", "OPTIONS"])
            for path, handler in handlers.items()
        ),
    ]
    return door_application(routes, settings.cors_origins, error_response)


class _Realtime:
    """The handlers, over one table of calls and one of secrets."""

    def __init__(
        self,
        endpoint: CallAcceptor,
        settings: RealtimeSettings,
        answering: RealtimeCalls,
        random: Callable[[int], bytes],
        clock: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._answering = answering
        self._tokens = BearerTokens(settings.tokens, allow_anonymous=settings.allow_anonymous)
        self._secrets = ClientSecrets(random, clock, settings.max_secrets)
        self._calls = CallTable(random, settings.max_sessions, settings.max_sessions_per_token)
        self.side_channel = SideChannel(self._calls, self._tokens, answering)

    async def call(self, request: Request) -> Response:
        """An offer: who asks is checked before a single octet of the body is read."""
        grant = self._grant(request)
        owner = self._tokens.owner_of(request) if grant is None else grant.owner
        wish = await parse_call(request, await self._body(request))
        session = wish.session if wish.session is not None else {} if grant is None else grant.session
        try:
            call = self._calls.open(owner)
            offer = wish.sdp.encode(errors="replace")
            accepted = await self._calls.accept(call, lambda forget: self._endpoint.accept(offer, forget))
        except OverloadError as error:
            raise overload_problem(error) from None
        except SdpError as error:
            problem = sdp_problem(error)
            raise refusal(problem.status_code, problem.code, problem.detail, "sdp") from None
        self._answering.configure(accepted.call_id, session)
        prefix: str = request.scope.get("root_path", "")
        location = quote(f"{prefix.rstrip('/')}{self._settings.path}/calls/{CALL_ID_PREFIX}{call.id}")
        headers = {"Location": location, "Cache-Control": "no-store"}
        return Response(accepted.answer, HTTPStatus.CREATED, headers, _SDP)

    async def hang_up(self, request: Request) -> Response:
        """The end of a call, for whoever's key opened it."""
        owner = self._tokens.owner_of(request)
        id_: str = request.path_params["id"]
        call = self._calls.find(id_.removeprefix(CALL_ID_PREFIX), owner) if id_.startswith(CALL_ID_PREFIX) else None
        if call is None or not self._calls.end(call) or not await self._endpoint.close(call.call_id or ""):
            raise refusal(404, "call_not_found", "there is no such call", "call_id")
        return Response(status_code=HTTPStatus.OK)

    async def telephone(self, request: Request) -> Response:
        """What exists for calls by SIP only."""
        if request.path_params["verb"] in ("accept", "reject", "refer"):
            self._tokens.owner_of(request)
            raise refusal(501, "not_supported", "telephone calls are not supported here")
        raise refusal(404, "not_found", "there is nothing here")

    async def secret(self, request: Request) -> Response:
        """A client secret, made by a server with its standard key."""
        owner = self._tokens.owner_of(request)
        if request.headers.get("content-length") != "0":
            check_media_type(request, "application/json")
        wish = parse_secret(await self._body(request))
        try:
            value, grant = self._secrets.create(owner, wish.expires_after.seconds, wish.session)
        except OverloadError as error:
            raise overload_problem(error) from None
        answer = {"value": value, "expires_at": grant.expires_at, "session": grant.session}
        return Response(msgspec.json.encode(answer), HTTPStatus.OK, {"Cache-Control": "no-store"}, "application/json")

    def _grant(self, request: Request) -> Grant | None:
        """What the request's client secret stands for; None where it comes with no such secret.

        Raises:
            Problem: 401, the secret is unknown or has expired.
        """
        headers = request.headers.getlist("authorization")
        scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not token.strip(" ").startswith(PREFIX):
            return None
        grant = self._secrets.find(token.strip(" "))
        if grant is None:
            raise refusal(401, "invalid_api_key", "the client secret is unknown or has expired")
        return grant

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, self._settings.max_body, self._settings.body_deadline)
