"""What all doors have in common: who may pass by which settings, and the application around the handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ..errors import ConfigurationError
from .body import check_headers
from .cors import Cors, preflight_headers

__all__ = ["Handler", "check_path", "door_application", "with_options"]

Handler = Callable[[Request], Awaitable[Response]]


def check_path(path: str, example: str, *, may_be_empty: bool = False) -> None:
    """Refuse a setting ``path`` that is no URL path, or that ends with a slash.

    Raises:
        ConfigurationError: it is none.
    """
    is_path = path.startswith("/") and not path.endswith("/")
    if not (is_path or (may_be_empty and path == "")) or set(path) & set("{}?#"):
        expected = f'a URL path like "{example}", without a slash at its end'
        raise ConfigurationError("path", path, f"empty, or {expected}" if may_be_empty else expected)


def with_options(handler: Handler, *headers: str) -> Handler:
    """Return a handler that looks at a request's header lines, and answers OPTIONS, before ``handler`` sees it.

    Args:
        handler: of the other methods.
        headers: that pages may send besides the usual ones.
    """

    async def handle(request: Request) -> Response:
        check_headers(request)
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=preflight_headers(*headers))
        return await handler(request)

    return handle


def door_application(
    routes: Sequence[BaseRoute], origins: Sequence[str], error_response: Callable[[Request, Any], Any]
) -> Starlette:
    """Return the application with these routes.

    Args:
        routes: of the door.
        origins: of pages that may call.
        error_response: renders a ``Problem``, and what Starlette itself refuses.
    """
    application = Starlette(
        routes=list(routes),
        middleware=[Middleware(Cors, origins=origins)],
        exception_handlers={HTTPException: error_response},
    )
    application.router.redirect_slashes = False  # it would redirect to whatever Host names
    return application
