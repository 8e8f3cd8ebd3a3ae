"""The demo's assistant: a Realtime WebSocket server that needs no network and understands nothing.

It says a stored sentence when asked to, or when its caller has stopped speaking, faster than real time as models do.
Who speaks is judged by loudness. What a model would do beyond that is not here; events and order are those of one.
"""

from __future__ import annotations

import asyncio
import itertools
import wave
from array import array
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve

from ...media.resample import Resampler
from .turns import TurnDetector

__all__ = ["assistant"]

RATE = 24_000
TEXT = (
    "Hello. This call goes through a relay that cannot hear me. "
    "If you can hear these words, they went all the way, and came back."
)
_VOICE = Path(__file__).parent / "audio" / "speech.wav"
_DELTA_SECONDS = 0.25
_AHEAD = 4.0  # times faster than real time


@asynccontextmanager
async def assistant() -> AsyncIterator[str]:
    """Run the server on loopback until the block ends; the value is its URL."""
    voice = _voice()

    async def call(socket: ServerConnection) -> None:
        await _Call(socket, voice).run()

    async with serve(call, "127.0.0.1", 0, compression=None) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/realtime"


def _voice() -> bytes:
    with wave.open(str(_VOICE)) as file:
        return Resampler(file.getframerate(), RATE).process(file.readframes(file.getnframes()), is_last=True)


class _Call:
    """One caller."""

    def __init__(self, socket: ServerConnection, voice: bytes) -> None:
        self._socket = socket
        self._voice = voice
        self._session: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "output_modalities": ["audio"],
        }
        self._turns = TurnDetector()
        self._numbers = itertools.count(1)
        self._answer: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until the connection ends."""
        await self._say("session.created", session=self._session)
        try:
            async for text in self._socket:
                await self._take(msgspec.json.decode(text))
        finally:
            self._stop()

    async def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "input_audio_buffer.append":
                await self._hear(b64decode(event["audio"]))
            case "session.update":
                self._session |= event["session"]
                await self._say("session.updated", session=self._session)
            case "response.create":
                self._begin()
            case "response.cancel":
                self._stop()
            case "conversation.item.truncate":
                cut = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
                await self._say("conversation.item.truncated", **cut)

    async def _hear(self, pcm: bytes) -> None:
        for turn in self._turns.hear(array("h", pcm)):
            item = f"item_user_{turn.number}"
            if turn.seconds is None:
                self._stop()
                await self._say("input_audio_buffer.speech_started", audio_start_ms=turn.at_ms, item_id=item)
                continue
            await self._say("input_audio_buffer.speech_stopped", audio_end_ms=turn.at_ms, item_id=item)
            await self._say("input_audio_buffer.committed", item_id=item, previous_item_id=None)
            transcript = f"({turn.seconds:.1f} s of speech)"
            kind = "conversation.item.input_audio_transcription.completed"
            await self._say(kind, item_id=item, content_index=0, transcript=transcript)
            self._begin()

    def _begin(self) -> None:
        self._stop()
        self._answer = asyncio.create_task(self._speak(next(self._numbers)))

    def _stop(self) -> None:
        if self._answer is not None:
            self._answer.cancel()

    async def _speak(self, number: int) -> None:
        """One answer, with its words beside its audio."""
        names = {"response_id": f"resp_{number}", "item_id": f"item_{number}", "output_index": 0, "content_index": 0}
        seconds = len(self._voice) / 2 / RATE
        response = {"object": "realtime.response", "id": names["response_id"], "output": []}
        response["metadata"] = {"audio_ms": str(round(seconds * 1000))}
        await self._say("response.created", response=response | {"status": "in_progress"})
        size = int(_DELTA_SECONDS * RATE) * 2
        words = TEXT.split(" ")
        said = 0
        for at in range(0, len(self._voice), size):
            until = round(len(words) * min(1.0, (at + size) / len(self._voice)))
            text = "".join(f"{word} " for word in words[said:until])
            said = until
            if text:
                await self._say("response.output_audio_transcript.delta", delta=text, **names)
            audio = b64encode(self._voice[at : at + size]).decode()
            await self._say("response.output_audio.delta", delta=audio, **names)
            await asyncio.sleep(_DELTA_SECONDS / _AHEAD)
        await self._say("response.output_audio.done", **names)
        await self._say("response.output_audio_transcript.done", transcript=TEXT, **names)
        await self._say("response.done", response=response | {"status": "completed"})

    async def _say(self, kind: str, **members: Any) -> None:
        event = {"type": kind, "event_id": f"event_{next(self._numbers)}", **members}
        await self._socket.send(msgspec.json.encode(event).decode())
