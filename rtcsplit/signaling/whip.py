"""WHIP (RFC 9725): an offer by HTTP POST, the answer in the response, DELETE ends the call.

The application knows nothing of packets: calls are made and ended by a :class:`CallAcceptor`, which a Transceiver is.
Two-way audio over WHIP is our extension. PATCH restarts ICE, and takes candidates (:mod:`.ice_session`).
docs/reference/whip.md lists requests and responses.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

from ..errors import MissingLibraryError, OverloadError, SdpError

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError:
    raise MissingLibraryError("starlette", "pip install 'rtcsplit[signaling]'") from None

from ..routing.steering import Ingress, Steering
from ..session.negotiation import IceCredentials, Negotiation
from ..transceiver.accepted_call import AcceptedCall, RestartedCall
from ..wire.address import Address
from .auth import BearerTokens, check_tokens
from .body import check_headers, check_media_type, read_body
from .calls import Call, CallTable
from .cors import preflight_headers
from .door import Handler, check_path, door_application
from .ice_session import IceSession, required_match
from .origin import check_origins
from .problems import Problem, overload_problem, problem_response, sdp_problem
from .request_context import Network, request_context

__all__ = ["AcceptedCall", "CallAcceptor", "RestartedCall", "WhipSettings", "whip_application"]

_SDP = "application/sdp"
_FRAGMENT = "application/trickle-ice-sdpfrag"


class CallAcceptor(Protocol):
    """Where calls live."""

    async def accept(
        self, offer: bytes, on_end: Callable[[], None], *, candidates: tuple[Address, ...] = ()
    ) -> AcceptedCall:
        """Make a call.

        Args:
            offer: as received, at most 64 KiB.
            on_end: to be called once, in the event loop, when an accepted call has ended by whatever cause.
            candidates: what the answer names instead of what it names to everybody, if any.

        Raises:
            SdpError: the offer cannot be answered; there is no call.
            OverloadError: no call can be made now; there is no call.
        """
        ...

    async def restart(self, call_id: str, remote: IceCredentials) -> RestartedCall | None:
        """Restart a call's ICE; media goes on meanwhile. None where there is no such call any more.

        Args:
            remote: the client's new credentials.

        Raises:
            OverloadError: not now; the call is what it was.
        """
        ...

    def negotiation(self, call_id: str) -> Negotiation | None:
        """Return what was settled last, by whatever request; None where there is no such call any more."""
        ...

    async def close(self, call_id: str) -> bool:
        """End a call: media and keys are gone on return. False where there is no such call any more."""
        ...


@dataclass(frozen=True, slots=True)
class WhipSettings:
    """How the endpoint behaves.

    Attributes:
        path: URL path of the endpoint within this application; sessions are below it.
        tokens: bearer tokens, one of which each request needs.
        allow_anonymous: serve requests without a token as well. Without tokens it has to be said.
        cors_origins: origins of pages that may call from a browser; ``*`` for all.
        max_sessions: at a time.
        max_sessions_per_token: at a time.
        max_body: octets of an offer or a fragment.
        body_deadline: seconds until a body has to be complete.
        steering: chooses each answer's candidates, or sends the client to another cluster's signaling; None: everybody
            gets the same.
        trusted_proxies: networks of proxies whose ``X-Forwarded-For`` is believed.
    """

    path: str = "/whip"
    tokens: tuple[str, ...] = ()
    allow_anonymous: bool = False
    cors_origins: tuple[str, ...] = ()
    max_sessions: int = 10_000
    max_sessions_per_token: int = 100
    max_body: int = 65_536
    body_deadline: float = 10.0
    steering: Steering | None = None
    trusted_proxies: tuple[Network, ...] = ()

    def __post_init__(self) -> None:
        check_path(self.path, "/whip")
        check_tokens(self.tokens, allow_anonymous=self.allow_anonymous)
        check_origins(self.cors_origins)


def whip_application(
    endpoint: CallAcceptor, settings: WhipSettings, random: Callable[[int], bytes] = secrets.token_bytes
) -> Starlette:
    """Return the endpoint as an application: to be run as it is, or mounted into another one.

    Args:
        endpoint: makes and ends the calls.
        settings: see there.
        random: returns that many octets, for the URLs of sessions.
    """
    whip = _Whip(endpoint, settings, random)
    handlers = {settings.path: whip.endpoint_methods, f"{settings.path}/{{id}}": whip.session_methods}
    routes = [Route(path, _by_method(methods), methods=list(methods)) for path, methods in handlers.items()]
    return door_application(routes, settings.cors_origins, problem_response)


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    """One route for all methods of a resource, so that 405 names all of them."""

    async def handle(request: Request) -> Response:
        return await handlers[request.method](request)

    return handle


class _Whip:
    """The handlers, over one table of calls."""

    def __init__(self, endpoint: CallAcceptor, settings: WhipSettings, random: Callable[[int], bytes]) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._tokens = BearerTokens(settings.tokens, allow_anonymous=settings.allow_anonymous)
        self._random = random
        self._calls = CallTable(random, settings.max_sessions, settings.max_sessions_per_token)
        self.endpoint_methods: dict[str, Handler] = {"POST": self.post, "OPTIONS": self.options_of_endpoint}
        self.session_methods: dict[str, Handler] = {
            "DELETE": self.delete,
            "PATCH": self.patch,
            "OPTIONS": self.options_of_session,
        }

    async def post(self, request: Request) -> Response:
        """Who asks and what is announced are checked before a single octet of the body is read."""
        check_headers(request)
        owner = self._tokens.owner_of(request)
        check_media_type(request, _SDP)
        ingress = self._steer(request)
        if ingress.url:  # RFC 9725 section 4.5: the client sends its offer there
            headers = {"Location": ingress.url, "Cache-Control": "no-store"}
            return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)
        offer = await read_body(request, self._settings.max_body, self._settings.body_deadline)
        try:
            call = self._calls.open(owner)
            candidates = ingress.advertise
            accepted = await self._calls.accept(
                call, lambda forget: self._endpoint.accept(offer, forget, candidates=candidates)
            )
        except OverloadError as error:
            raise overload_problem(error) from None
        except SdpError as error:
            raise sdp_problem(error) from None
        ice = call.ice = IceSession(accepted.negotiation, self._random)
        headers = {"Location": self._location(request, call), "ETag": ice.etag, "Cache-Control": "no-store"}
        return Response(accepted.answer, HTTPStatus.CREATED, headers, _SDP)

    def _steer(self, request: Request) -> Ingress:
        """Where the call goes in."""
        steering = self._settings.steering
        context = None if steering is None else request_context(request, self._settings.trusted_proxies)
        return (steering.steer(context) if steering and context else None) or Ingress()

    def _location(self, request: Request, call: Call) -> str:
        """The path from the root, mount points included. Nothing of Host or forwarded headers goes into it."""
        prefix: str = request.scope.get("root_path", "")
        return quote(f"{prefix.rstrip('/')}{self._settings.path}/{call.id}")

    async def delete(self, request: Request) -> Response:
        call = self._owned(request)
        self._calls.end(call)
        assert call.call_id is not None
        if not await self._endpoint.close(call.call_id):
            raise _not_found()
        return Response(status_code=HTTPStatus.OK)

    async def patch(self, request: Request) -> Response:
        call = self._owned(request)
        check_media_type(request, _FRAGMENT)
        match = required_match(request)
        body = await read_body(request, self._settings.max_body, self._settings.body_deadline)
        call_id, ice = call.call_id, call.ice
        assert call_id is not None
        assert ice is not None

        async def restart(remote: IceCredentials) -> RestartedCall | None:
            return await self._endpoint.restart(call_id, remote)

        try:
            restarted = await ice.patch(match, body, lambda: self._endpoint.negotiation(call_id), restart)
        except OverloadError as error:
            raise overload_problem(error) from None
        except SdpError as error:
            raise sdp_problem(error) from None
        if restarted is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        headers = {"ETag": restarted.etag, "Cache-Control": "no-store"}
        return Response(restarted.fragment, HTTPStatus.OK, headers, _FRAGMENT)

    async def options_of_endpoint(self, request: Request) -> Response:
        return self._options(request, {"Accept-Post": _SDP})

    async def options_of_session(self, request: Request) -> Response:
        return self._options(request, {"Accept-Post": _SDP, "Accept-Patch": _FRAGMENT})

    def _options(self, request: Request, accepted: Mapping[str, str]) -> Response:
        check_headers(request)
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={**accepted, **preflight_headers()})

    def _owned(self, request: Request) -> Call:
        check_headers(request)
        call = self._calls.find(request.path_params["id"], self._tokens.owner_of(request))
        if call is None:
            raise _not_found()
        return call


def _not_found() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "no_session", "there is no such session")
