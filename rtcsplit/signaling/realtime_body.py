"""What a Realtime request says: the offer and the session in each of their forms, the wishes for a client secret.

The body was read within bounds before. ``session`` is not ours to understand: it has to be an object, and goes on to
whoever answers the call.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct, field
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from ..wire.json_text import decode_json
from .realtime_errors import refusal

__all__ = ["CallRequest", "ExpiresAfter", "SecretRequest", "parse_call", "parse_secret"]

_MAX_FIELDS = 8
_T = TypeVar("_T")


class CallRequest(Struct, frozen=True):
    """A wish for a call.

    Attributes:
        sdp: the offer.
        session: configuration, None where the request has none.
    """

    sdp: str
    session: dict[str, Any] | None = None


class ExpiresAfter(Struct, frozen=True):
    """When a secret ends."""

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Meta(ge=10, le=7200)] = 600


class SecretRequest(Struct, frozen=True):
    """A wish for a client secret."""

    expires_after: ExpiresAfter = ExpiresAfter()
    session: dict[str, Any] = field(default_factory=dict)


async def parse_call(request: Request, body: bytes) -> CallRequest:
    """Return offer and session of ``POST /calls``.

    Raises:
        Problem: 400 with the parameter at fault, 415 for another type.
    """
    types = request.headers.getlist("content-type")
    kind = types[0].partition(";")[0].strip(" \t").lower() if len(types) == 1 else ""
    is_encoded = request.headers.get("content-encoding", "identity").lower() != "identity"
    if kind == "application/sdp" and not is_encoded:
        return CallRequest(_text(body, "sdp"))
    if kind == "application/json" and not is_encoded:
        return _decode(body, CallRequest)
    if kind == "multipart/form-data" and not is_encoded:
        return _of_fields(await _multipart(request, body))
    if kind == "application/x-www-form-urlencoded" and not is_encoded:
        return _of_fields(_urlencoded(body))
    detail = "the body has to be application/sdp, multipart/form-data or application/json, not encoded"
    raise refusal(415, "unsupported_media_type", detail)


def parse_secret(body: bytes) -> SecretRequest:
    """Return what ``POST /client_secrets`` asks for; an empty body asks for the defaults.

    Raises:
        Problem: 400 with the parameter at fault.
    """
    return _decode(body or b"{}", SecretRequest)


def _decode(body: bytes | str, shape: type[_T], param: str | None = None) -> _T:
    try:
        return decode_json(body, msgspec.json.Decoder(shape))
    except msgspec.ValidationError as error:
        place = re.search(r"`\$\.?([^`]*)`$", str(error))
        missing = re.search(r"missing required field `(\w+)`", str(error))
        param = param or (missing[1] if missing else place[1] if place else None) or None
        raise refusal(400, "invalid_value", str(error), param) from None
    except msgspec.DecodeError:
        raise refusal(400, "invalid_json", "this is not JSON", param) from None


def _of_fields(pairs: list[tuple[str, str]]) -> CallRequest:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise refusal(400, "invalid_form", "a field appears twice")
    if "sdp" not in fields:
        raise refusal(400, "missing_required_parameter", "the form has no field sdp", "sdp")
    session = fields.get("session")
    return CallRequest(fields["sdp"], None if session is None else _decode(session, dict[str, Any], "session"))


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(_text(body, None), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise refusal(400, "invalid_form", f"a form has at most {_MAX_FIELDS} fields") from None


async def _multipart(request: Request, body: bytes) -> list[tuple[str, str]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers, stream(), max_files=_MAX_FIELDS, max_fields=_MAX_FIELDS, max_part_size=len(body) + 1
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise refusal(400, "invalid_form", error.message) from None
    try:
        return [
            (name, _text(await value.read(), name) if isinstance(value, UploadFile) else value)
            for name, value in form.multi_items()
        ]
    finally:
        await form.close()


def _text(octets: bytes, param: str | None) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise refusal(400, "invalid_value", "this is not UTF-8", param) from None
