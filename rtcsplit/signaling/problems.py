"""Errors as HTTP shows them: ``application/problem+json`` (RFC 9457), nothing of the request in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import OverloadError, SdpError

__all__ = ["Problem", "overload_problem", "problem_response", "sdp_problem"]


class Problem(HTTPException):
    """A refusal of a request.

    Attributes:
        code: stable short reason, for programs.
        members: further members of the problem object.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(status, detail, headers=dict(headers or {}))
        self.code = code
        self.members = dict(members or {})


def sdp_problem(error: SdpError) -> Problem:
    """Return 400 for a malformed offer, 422 for one that we cannot meet; it names the line and does not show it."""
    status = HTTPStatus.BAD_REQUEST if error.is_malformed else HTTPStatus.UNPROCESSABLE_ENTITY
    members = {"line": error.line_number} if error.line_number else {}
    return Problem(status, error.code, error.reason, members=members)


def overload_problem(error: OverloadError) -> Problem:
    """Return 503 with Retry-After (RFC 9725 section 4.5)."""
    headers = {"Retry-After": str(error.retry_after)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "overload", str(error), headers=headers)


async def problem_response(request: Request, error: Exception) -> Response:
    """Exception handler for :class:`Problem` and for the refusals that Starlette itself makes (404, 405)."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    body: dict[str, str | int] = {"type": "about:blank", "title": status.phrase, "status": status.value}
    if isinstance(error, Problem):
        body |= {"detail": error.detail, "code": error.code, **error.members}
    headers = dict(error.headers or {})
    if request.scope.get("http_version", "").startswith("1."):
        # The body may not have been read; what is left of it is no request.
        headers["Connection"] = "close"
    return Response(json.dumps(body), status, headers, "application/problem+json")
