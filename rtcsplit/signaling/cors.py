"""Cross-origin access for pages (Fetch standard, RFC 9725 section 4.2): headers on every answer, and OPTIONS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Cors", "preflight_headers"]

_METHODS = "POST, PATCH, DELETE, OPTIONS"
_HEADERS = "Authorization, Content-Type, If-Match"
_EXPOSED = "Location, ETag, Link"
_MAX_AGE = "86400"


class Cors:
    """Middleware that lets pages of ``origins`` read the answers; ``*`` stands for all.

    No answer depends on cookies, so that nothing is gained by calling from another's page: the token decides.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._origins:
            await self._app(scope, receive, send)
            return
        allowed = self._allowed(Request(scope).headers.get("origin"))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "*" not in self._origins:
                    headers.add_vary_header("Origin")
                if allowed is not None:
                    headers["Access-Control-Allow-Origin"] = allowed
                    headers["Access-Control-Expose-Headers"] = _EXPOSED
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _allowed(self, origin: str | None) -> str | None:
        if "*" in self._origins:
            return "*"
        return origin if origin in self._origins else None


def preflight_headers(*more: str) -> Mapping[str, str]:
    """Return what an OPTIONS request is told; without the origin's permission a browser makes no use of it.

    Args:
        more: request headers that pages may send besides the usual ones.
    """
    return {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": ", ".join([_HEADERS, *more]),
        "Access-Control-Max-Age": _MAX_AGE,
    }
