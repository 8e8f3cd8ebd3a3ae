"""The text messages of our backend protocol, both ways; docs/reference/backend-protocol.md is the reference.

Sans I/O: text in, values or refusals out. What a backend may say is a closed set of events; members that an event
does not have are ignored, so that later versions may add some.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ..media.playout_events import PlayoutEvent, SegmentFinished, SegmentStarted, Starved
from ..wire.json_text import decode_json
from ..wire.rtp_extension import AudioLevel
from .refusal import Refusal

__all__ = [
    "VERSION",
    "BackendEvent",
    "Flush",
    "Hangup",
    "SpeechBegin",
    "SpeechEnd",
    "call_ended",
    "call_started",
    "error",
    "gap",
    "level",
    "parse",
    "playout_event",
]

VERSION = 1

Segment = Annotated[str, Meta(min_length=1, max_length=64)]


class SpeechBegin(Struct, frozen=True, tag="speech.begin"):
    """Audio from here on is a segment of its own."""

    segment: Segment | None = None


class SpeechEnd(Struct, frozen=True, tag="speech.end"):
    """The open segment is complete."""


class Flush(Struct, frozen=True, tag="flush"):
    """Fall silent now, drop what waits."""


class Hangup(Struct, frozen=True, tag="hangup"):
    """End the call."""


BackendEvent = SpeechBegin | SpeechEnd | Flush | Hangup
_DECODER: msgspec.json.Decoder[BackendEvent] = msgspec.json.Decoder(BackendEvent)


def parse(text: str) -> BackendEvent | Refusal:
    """Return the event in a text message."""
    try:
        return decode_json(text, _DECODER)
    except msgspec.DecodeError as cause:
        return Refusal("event_invalid", str(cause))


def call_started(call_id: str, audio_in: tuple[str, int], audio_out: tuple[str, int], *, is_resumed: bool) -> str:
    """The first message of a connection; audio by format and rate."""
    return _text(
        type="call.started",
        version=VERSION,
        call_id=call_id,
        audio_in={"format": audio_in[0], "sample_rate": audio_in[1]},
        audio_out={"format": audio_out[0], "sample_rate": audio_out[1]},
        resumed=is_resumed,
    )


def call_ended(cause: str) -> str:
    """The last message of a call."""
    return _text(type="call.ended", cause=cause)


def level(audio_level: AudioLevel, media_time: float) -> str:
    """How loud the peer is, as its client says."""
    return _text(
        type="audio.level",
        level_dbov=-audio_level.level,
        voice=audio_level.has_voice,
        media_seconds=round(media_time, 3),
    )


def gap(media_time: float) -> str:
    """Audio is missing before what follows: the peer was silent for long, or the backend did not read in time."""
    return _text(type="audio.gap", media_seconds=round(media_time, 3))


def playout_event(event: PlayoutEvent, heard: float | None = None) -> str:
    """What became of the backend's speech.

    Args:
        event: of the playout.
        heard: seconds of the segment that the listener has heard, where they are known.
    """
    match event:
        case SegmentStarted(segment):
            return _text(type="speech.started", segment=segment)
        case SegmentFinished(segment, seconds, is_interrupted):
            return _text(
                type="speech.finished",
                segment=segment,
                sent_seconds=round(seconds, 3),
                heard_seconds=round(seconds if heard is None else min(heard, seconds), 3),
                interrupted=is_interrupted,
            )
        case Starved(segment):
            return _text(type="speech.starved", segment=segment)


def error(refusal: Refusal) -> str:
    """Something that the backend sent was not used."""
    return _text(type="error", code=refusal.code, message=refusal.message)


def _text(**members: object) -> str:
    return msgspec.json.encode(members).decode()
