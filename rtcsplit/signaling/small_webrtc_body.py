"""What a SmallWebRTC request says: a start, an offer, candidates. The body was read within bounds before."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct, field

from ..wire.json_text import decode_json
from .problems import Problem

__all__ = ["CandidatesRequest", "OfferRequest", "RemoteCandidate", "StartRequest", "decode"]

_T = TypeVar("_T")


class StartRequest(Struct, frozen=True):
    """A wish for a session.

    Attributes:
        transport: the only one that is served here.
        body: for the bot of the session.
    """

    transport: Literal["webrtc"] = "webrtc"
    body: dict[str, Any] = field(default_factory=dict)


class OfferRequest(Struct, frozen=True):
    """An offer.

    Attributes:
        sdp: the offer.
        type: as in ``RTCSessionDescription``.
        pc_id: of the connection that is negotiated anew, None for a new one.
        restart_pc: give that connection up for a new one.
        request_data: for the bot.
        camel_request_data: the same, as clients in JavaScript write it.
    """

    sdp: str
    type: Literal["offer"]
    pc_id: str | None = None
    restart_pc: bool | None = None
    request_data: Any = None
    camel_request_data: Any = field(default=None, name="requestData")


class RemoteCandidate(Struct, frozen=True):
    """A candidate, or the end of them where it is empty."""

    candidate: str
    sdp_mid: str | None = None
    sdp_mline_index: int | None = None


class CandidatesRequest(Struct, frozen=True):
    """Further candidates of a connection."""

    pc_id: str
    candidates: list[RemoteCandidate]


def decode(body: bytes, shape: type[_T]) -> _T:
    """Return the request.

    Raises:
        Problem: 400, the body is no JSON (``json``), or says something else (``request``).
    """
    try:
        return decode_json(body, msgspec.json.Decoder(shape))
    except msgspec.ValidationError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "request", str(error)) from None
    except msgspec.DecodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "json", "the body is not JSON") from None
