"""Calls that are answered by a backend over our plain WebSocket protocol (docs/reference/backend-protocol.md).

Binary messages are audio, text messages JSON events. Each call has a connection of its own, so that a backend that is
slow, gone or wrong ends or degrades that call and no other: what it does not read in time is dropped, oldest first,
and what it sends too fast waits in its own socket.
"""

from __future__ import annotations

import logging

from websockets.asyncio.client import ClientConnection

from ..errors import CallEndedError, UsageError
from ..media.playout_events import PlayoutSettings, SegmentFinished
from ..signaling.first_of import first_of
from ..wire.rtp_extension import AudioLevel
from . import backend_protocol as protocol
from .audio_in import AudioFrame
from .backend_link import BackendLink, Complaints
from .backend_settings import BackendSettings
from .call_limit import CallLimit
from .refusal import BackendError, Refusal
from .voice import VoiceApplication
from .voice_session import VoiceSession
from .voice_settings import VoiceSettings

__all__ = ["voice_settings", "websocket_backend"]

_LOGGER = logging.getLogger(__name__)
_LEVEL_INTERVAL = 0.1  # seconds between two audio.level events


def websocket_backend(settings: BackendSettings) -> VoiceApplication:
    """Return the application that brings every call to that backend."""

    async def serve(session: VoiceSession) -> None:
        conversation = _Conversation(session, settings)
        headers = {"X-Rtcsplit-Call-Id": session.call_id}
        try:
            link = BackendLink(settings, headers, conversation.is_over)
            await link.run(conversation.talk)
        except BackendError as error:
            facts = {"session": session.ufrag[:6], "reason": error.code, "detail": str(error)}
            _LOGGER.warning("backend_failed", extra=facts)

    return VoiceApplication(serve, voice_settings(settings))


def voice_settings(settings: BackendSettings) -> VoiceSettings:
    """Return how calls hear and speak for that backend."""
    return VoiceSettings(
        input_rate=settings.audio_in_rate,
        output_rate=settings.audio_out_rate,
        has_transcript=False,
        playout=PlayoutSettings(capacity=settings.playout_seconds),
    )


class _Conversation:
    """One call and its backend; outlives a connection."""

    def __init__(self, session: VoiceSession, settings: BackendSettings) -> None:
        self._session = session
        self._settings = settings
        self._limit = CallLimit(settings.call_seconds)

    def is_over(self) -> bool:
        """Whether another connection is of no use."""
        return self._session.end_cause is not None or self._limit.is_reached

    async def talk(self, socket: ClientConnection, is_resumed: bool) -> None:
        """Use one connection until the call or the connection ends."""
        session, settings = self._session, self._settings
        audio_in, audio_out = (self._format(rate) for rate in (settings.audio_in_rate, settings.audio_out_rate))
        await socket.send(protocol.call_started(session.call_id, audio_in, audio_out, is_resumed=is_resumed))
        await first_of(self._hear(socket), self._follow(socket), self._obey(socket), self._limit.wait())
        if session.end_cause is not None:
            await socket.send(protocol.call_ended(session.end_cause.value))
        elif self._limit.is_reached:
            await socket.send(protocol.call_ended("time_limit"))

    def _format(self, rate: int | None) -> tuple[str, int]:
        """Format and rate of one direction; packets, of the negotiated codec, where there is no rate."""
        codec = self._session.audio.codecs[0]
        return (codec.name, codec.clock_rate) if rate is None else ("pcm16", rate)

    async def _hear(self, socket: ClientConnection) -> None:
        """The peer's audio, to the backend. Ends with the call."""
        told, told_at = None, 0.0
        async for frame in self._session.audio_in:
            if frame.is_gap:
                await socket.send(protocol.gap(frame.media_time))
            await socket.send(self._octets(frame))
            level = frame.level
            if level is not None and _is_news(level, told, frame.media_time - told_at):
                told, told_at = level, frame.media_time
                await socket.send(protocol.level(level, frame.media_time))

    def _octets(self, frame: AudioFrame) -> bytes:
        return frame.payload or b"" if self._settings.audio_in_rate is None else frame.pcm

    async def _follow(self, socket: ClientConnection) -> None:
        """What becomes of the backend's speech, to the backend. Ends with the call."""
        async for event in self._session:
            heard = None
            if isinstance(event, SegmentFinished) and event.is_interrupted:
                position = self._session.audio_out.heard
                heard = position.seconds if position is not None and position.segment == event.segment else 0.0
            await socket.send(protocol.playout_event(event, heard))

    async def _obey(self, socket: ClientConnection) -> None:
        """What the backend says, done. Ends when it hangs up, or the call is over."""
        complaints = Complaints(socket.send, protocol.error)
        while True:
            message = await socket.recv()
            try:
                if isinstance(message, bytes):
                    await self._session.audio_out.write(message)
                    continue
                event = protocol.parse(message)
                if isinstance(event, Refusal):
                    await complaints.refuse(event)
                elif isinstance(event, protocol.Hangup):
                    return
                else:
                    await self._do(event)
            except UsageError as error:
                await complaints.refuse(Refusal("audio_invalid", str(error)))
            except CallEndedError:
                return

    async def _do(self, event: protocol.SpeechBegin | protocol.SpeechEnd | protocol.Flush) -> None:
        out = self._session.audio_out
        if isinstance(event, protocol.SpeechBegin):
            out.begin_segment(event.segment)
        elif isinstance(event, protocol.SpeechEnd):
            await out.end_segment()
        else:
            out.flush()


def _is_news(level: AudioLevel, told: AudioLevel | None, age: float) -> bool:
    return told is None or level.has_voice != told.has_voice or age >= _LEVEL_INTERVAL
