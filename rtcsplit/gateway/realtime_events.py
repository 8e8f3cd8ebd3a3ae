"""Events of OpenAI's Realtime API as far as the gateway reads and makes them; all others pass through as they are."""

from __future__ import annotations

import binascii
import itertools
from base64 import b64decode, b64encode
from typing import Any

import msgspec
from msgspec import Struct

from ..wire.json_text import decode_json
from .refusal import Refusal

__all__ = ["AudioDelta", "EventMaker", "for_backend", "lets_interrupt", "parse_audio", "parse_head", "parse_object"]


class AudioDelta(Struct, frozen=True):
    """``response.output_audio.delta`` and ``.done``.

    Attributes:
        response_id: the response that speaks.
        item_id: the conversation item whose audio this is.
        content_index: of the audio in the item.
        delta: PCM16 in base64; empty at the end.
    """

    response_id: str
    item_id: str
    content_index: int = 0
    delta: str = ""

    @property
    def audio(self) -> bytes | Refusal:
        """The PCM."""
        try:
            pcm = b64decode(self.delta, validate=True)
        except (binascii.Error, ValueError):
            return Refusal("audio_invalid", "delta is not base64")
        return Refusal("audio_invalid", "an odd number of octets") if len(pcm) % 2 else pcm


class _Head(Struct, frozen=True):
    type: str


_HEAD = msgspec.json.Decoder(_Head)
_AUDIO = msgspec.json.Decoder(AudioDelta)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_NOT_THE_CLIENTS = frozenset({"model", "input_audio_format", "output_audio_format"})


def parse_head(text: str | bytes) -> str | Refusal:
    """Return the type of an event."""
    if isinstance(text, bytes):
        return Refusal("invalid_event", "events are text")
    try:
        return decode_json(text, _HEAD).type
    except msgspec.DecodeError as error:
        return Refusal("invalid_event", str(error))


def parse_audio(text: str | bytes) -> AudioDelta | Refusal:
    """Return an audio event."""
    try:
        return decode_json(text, _AUDIO)
    except msgspec.DecodeError as error:
        return Refusal("invalid_event", str(error))


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Return the members of an event that :func:`parse_head` took; none where they cannot be read."""
    try:
        return decode_json(text, _OBJECT)
    except msgspec.DecodeError:
        return {}


def for_backend(session: dict[str, Any]) -> dict[str, Any]:
    """Return a session configuration without what is not the client's to say: the model, which belongs into the URL,
    and the formats of audio, which between gateway and backend is PCM whatever goes by RTP.
    """
    kept = {name: value for name, value in session.items() if name not in _NOT_THE_CLIENTS}
    audio = kept.get("audio")
    if isinstance(audio, dict):
        kept["audio"] = {side: _without_format(value) for side, value in audio.items()}
    return kept


def _without_format(side: object) -> object:
    return {name: value for name, value in side.items() if name != "format"} if isinstance(side, dict) else side


def lets_interrupt(session: dict[str, Any]) -> bool:
    """Whether a session's turn detection lets the caller interrupt; so it does unless it says otherwise."""
    found: Any = session
    for name in ("audio", "input", "turn_detection"):
        found = found.get(name) if isinstance(found, dict) else None
    return not (isinstance(found, dict) and found.get("interrupt_response") is False)


class EventMaker:
    """Events of the gateway's own, to either side."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def append(self, pcm: bytes) -> str:
        """The caller's audio, to the backend."""
        return self.make("input_audio_buffer.append", audio=b64encode(pcm).decode())

    def truncate(self, item_id: str, content_index: int, heard: float) -> str:
        """What the caller has heard of an item, in seconds, to the backend."""
        return self.make(
            "conversation.item.truncate",
            item_id=item_id,
            content_index=content_index,
            audio_end_ms=round(heard * 1000),
        )

    def error(self, refusal: Refusal, kind: str = "invalid_request_error") -> str:
        """Something went wrong, to the client."""
        error = {"type": kind, "code": refusal.code, "message": refusal.message, "param": None, "event_id": None}
        return self.make("error", error=error)

    def make(self, kind: str, **members: object) -> str:
        """Any event."""
        event = {"type": kind, "event_id": f"event_gateway_{next(self._numbers)}", **members}
        return msgspec.json.encode(event).decode()
