"""Requests within bounds: their headers, and their body against a limit and one deadline for all of it.

A client that sends slowly, without end, or less than it announced costs one connection for at most the deadline.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.requests import ClientDisconnect, HTTPConnection, Request

from .problems import Problem

__all__ = ["MAX_HEADER_LINES", "MAX_HEADER_OCTETS", "check_headers", "check_media_type", "read_body"]

MAX_HEADER_LINES = 64
MAX_HEADER_OCTETS = 8_192
_FRAMING_OCTETS = 4  # ": " and CRLF


def check_headers(request: HTTPConnection) -> None:
    """Refuse more than 64 header lines or 8 KiB of them.

    Raises:
        Problem: 431 (RFC 6585 section 5).
    """
    lines = request.headers.raw
    octets = sum(len(name) + len(value) + _FRAMING_OCTETS for name, value in lines)
    if len(lines) > MAX_HEADER_LINES or octets > MAX_HEADER_OCTETS:
        detail = f"at most {MAX_HEADER_LINES} header lines of {MAX_HEADER_OCTETS} octets together"
        raise Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail)


def check_media_type(request: Request, expected: str) -> None:
    """Refuse a body of another type, or an encoded one.

    Raises:
        Problem: 415, which names the type in ``Accept-Post`` or ``Accept-Patch`` (RFC 5789 section 2.2).
    """
    types = request.headers.getlist("content-type")
    found = types[0].partition(";")[0].strip(" \t").lower() if len(types) == 1 else ""
    if found != expected or request.headers.get("content-encoding", "identity").lower() != "identity":
        detail = f"the body has to be {expected}, not encoded"
        headers = {f"Accept-{request.method.title()}": expected}
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media_type", detail, headers=headers)


async def read_body(request: Request, limit: int, deadline: float) -> bytes:
    """Return the body.

    Args:
        limit: its longest length; more is refused as soon as it is announced or received.
        deadline: seconds for all of it, however it trickles in.

    Raises:
        Problem: 413 beyond the limit, 408 beyond the deadline, 400 for a length that is none or a client that went
            away in the middle.
    """
    _check_length(request, limit)
    try:
        body = await asyncio.wait_for(_read(request, limit), deadline)
    except asyncio.TimeoutError:
        detail = f"the body did not arrive within {deadline:g} seconds"
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, "body_timeout", detail) from None
    if isinstance(body, Problem):
        raise body
    return body


def _check_length(request: Request, limit: int) -> None:
    """Most servers refuse a broken Content-Length themselves; that is not left to them."""
    lengths = request.headers.getlist("content-length")
    if not lengths:
        return
    text = lengths[0]
    if len(lengths) != 1 or not (text.isascii() and text.isdigit()):
        raise Problem(HTTPStatus.BAD_REQUEST, "content_length", "Content-Length has to be one number")
    if len(text) > len(str(limit)) or int(text) > limit:
        raise _too_large(limit)


async def _read(request: Request, limit: int) -> bytes | Problem:
    """Return the body, or why there is none: raised, it would keep this task and the request in a cycle until the
    garbage collector comes."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            if len(chunk) > limit - len(body):
                return _too_large(limit)
            body += chunk
    except ClientDisconnect:
        return Problem(HTTPStatus.BAD_REQUEST, "body_incomplete", "the body ended early")
    return bytes(body)


def _too_large(limit: int) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"the body may have at most {limit} octets")
