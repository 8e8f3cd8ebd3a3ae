"""Errors in the shape of the Realtime API: ``{"error": {"message", "type", "code", "param"}}``."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from .problems import Problem

__all__ = ["error_response", "refusal"]

_CODES = {"token_missing": "invalid_api_key", "token_invalid": "invalid_api_key", "overload": "server_overloaded"}


def refusal(status: int, code: str, message: str, param: str | None = None) -> Problem:
    """Return the refusal of a request.

    Args:
        status: of HTTP.
        code: stable short reason, for programs.
        message: what client libraries show.
        param: the parameter at fault.
    """
    return Problem(HTTPStatus(status), code, message, members={} if param is None else {"param": param})


async def error_response(request: HTTPConnection, error: Exception) -> Response:
    """Exception handler for :class:`Problem` and for the refusals that Starlette itself makes (404, 405)."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    members: dict[str, str | int | None] = {
        "message": status.phrase,
        "type": "server_error" if status >= 500 else "invalid_request_error",
        "code": status.name.lower(),
        "param": None,
    }
    if isinstance(error, Problem):
        members["message"] = error.detail
        members["code"] = _CODES.get(error.code, error.code)
        members["param"] = error.members.get("param")
    headers = dict(error.headers or {})
    if request.scope.get("http_version", "").startswith("1."):
        headers["Connection"] = "close"  # the body may not have been read; what is left of it is no request
    return JSONResponse({"error": members}, status, headers)
