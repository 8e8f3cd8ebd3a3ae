"""The demo's web server: a page that calls from a browser, the endpoints that it calls, and the relay's counters.

The transceiver process answers WHIP by itself, the gateway process the Realtime API; this server passes requests on to
them, as a reverse proxy in front of a deployment would, so that page and endpoints have one origin and need no CORS.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .counters import RelayReading

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .deployment import Deployment

__all__ = ["web_application"]

_REALTIME = "/v1/realtime/calls"
_FOLDER = Path(__file__).parent
_LONGEST_OFFER = 64 * 1024  # octets, the transceiver's own bound
_PASSED_ON = ("content-type", "location", "etag", "retry-after", "accept-post")
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def web_application(deployment: Deployment) -> Starlette:
    """Return the ASGI application that serves the page for a running ``deployment``."""
    http = httpx.AsyncClient(timeout=10.0, trust_env=False)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with http:
            yield

    async def whip(request: Request) -> Response:
        return await _pass_on(http, request, deployment.whip_url + request.url.path.removeprefix("/whip"))

    async def realtime(request: Request) -> Response:
        calls = f"{deployment.realtime_url}/calls"
        return await _pass_on(http, request, calls + request.url.path.removeprefix(_REALTIME))

    async def relay(_: Request) -> Response:
        try:
            reading = await RelayReading.fetch(http, deployment.relay_metrics_url)
        except httpx.HTTPError:
            raise HTTPException(502, "the relay does not answer") from None
        return JSONResponse(
            {
                "relay": deployment.relay_address,
                "transceiver": deployment.transceiver_address,
                "gateway": deployment.gateway_address,
                **reading.as_dict(),
            },
            headers=_HEADERS,
        )

    return Starlette(
        routes=[
            Route("/whip", whip, methods=["POST", "OPTIONS"]),
            Route("/whip/{session}", whip, methods=["DELETE", "PATCH"]),
            Route(_REALTIME, realtime, methods=["POST"]),
            Route(_REALTIME + "/{call}/hangup", realtime, methods=["POST"]),
            Route("/relay", relay),
            Mount("/audio", _Files(directory=_FOLDER / "audio")),
            Mount("/", _Files(directory=_FOLDER / "page", html=True)),
        ],
        lifespan=lifespan,
    )


async def _pass_on(http: httpx.AsyncClient, request: Request, url: str) -> Response:
    """Ask another server the same, and answer what it answers."""
    headers = {name: request.headers[name] for name in ("content-type", "if-match") if name in request.headers}
    try:
        reply = await http.request(request.method, url, content=await _body(request), headers=headers)
    except httpx.TransportError:
        raise HTTPException(502, "who should take the call does not answer") from None
    passed_on = {name: reply.headers[name] for name in _PASSED_ON if name in reply.headers}
    return Response(reply.content, reply.status_code, passed_on)


class _Files(StaticFiles):
    """Files with the headers of a page that loads nothing from elsewhere."""

    async def get_response(self, path: str, scope: object) -> Response:
        response = await super().get_response(path, scope)  # type: ignore[arg-type]
        response.headers.update(_HEADERS)
        return response


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST_OFFER:
            raise HTTPException(413, "an offer has at most 64 KiB")
    return bytes(body)
