"""Calls that are answered by a backend over the WebSocket form of OpenAI's Realtime API.

The client's ``oai-events`` channel and the backend's WebSocket carry the same events, which pass through as they are,
but for audio: it goes by RTP on one side and as base64 on the other. What only the media server knows is made here:
when a response can be heard, when it has ended or was cleared, and how much of an item was heard when it was cut off.
docs/explanation/gateway.md says more.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from websockets.asyncio.client import ClientConnection

from ..session.events import ChannelEvent, EndCause
from ..transceiver.call import Call
from ..wire.rtp import RtpPacket
from .backend_link import BackendLink, Complaints
from .backend_settings import BackendSettings
from .realtime_channel import EventsChannel
from .realtime_events import EventMaker, parse_audio, parse_head, parse_object
from .realtime_speech import RealtimeSpeech
from .refusal import BackendError, Refusal
from .voice import VoiceApplication
from .voice_session import VoiceSession
from .websocket_backend import first_of, voice_settings

__all__ = ["RealtimeBackend"]

_LOGGER = logging.getLogger(__name__)
_MAX_MESSAGE = 16 << 20
_LAST_WORDS = 0.1  # seconds that the client has to receive why its call ends
_MAX_CONFIGURED = 10_000
_DELTAS = frozenset({"response.output_audio.delta", "response.audio.delta"})
_DONES = frozenset({"response.output_audio.done", "response.audio.done"})


class RealtimeBackend:
    """The application; a :class:`~rtcsplit.transceiver.application.ChannelApplication`.

    Args:
        settings: of the backend; both rates are 24,000 Hz for OpenAI's own.
    """

    def __init__(self, settings: BackendSettings) -> None:
        self._settings = settings
        self._voice = VoiceApplication(self._serve, voice_settings(settings))
        self._channels: dict[str, EventsChannel] = {}
        self._configured: dict[str, dict[str, Any]] = {}

    def configure(self, call_id: str, session: dict[str, Any]) -> None:
        """Have the backend told of a call's session configuration; to be called before the call is connected."""
        while len(self._configured) >= _MAX_CONFIGURED:
            del self._configured[next(iter(self._configured))]
        self._configured[call_id] = session

    async def aclose(self) -> None:
        """End what still runs. Stop the transceiver before."""
        await self._voice.aclose()

    def call_connected(self, call: Call) -> None:
        """Bring the call to the backend."""
        self._channels[call.call_id] = EventsChannel(call)
        self._voice.call_connected(call)

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        """The caller's audio."""
        self._voice.packet_received(call, packet)

    def channel_event(self, call: Call, event: ChannelEvent) -> None:
        """The caller's events."""
        channel = self._channels.get(call.call_id)
        if channel is not None:
            channel.take(event)

    def call_ended(self, call: Call, cause: EndCause) -> None:
        """Forget the call."""
        self._channels.pop(call.call_id, None)
        self._configured.pop(call.call_id, None)
        self._voice.call_ended(call, cause)

    async def _serve(self, session: VoiceSession) -> None:
        channel = self._channels.get(session.call_id)
        if channel is None:
            return  # it ended before this task began
        conversation = _Conversation(session, channel, self._configured.pop(session.call_id, {}))
        link = BackendLink(self._settings, {}, lambda: session.end_cause is not None, max_message=_MAX_MESSAGE)
        try:
            await link.run(conversation.talk)
        except BackendError as error:
            facts = {"session": session.call_id[:6], "reason": error.code, "detail": str(error)}
            _LOGGER.warning("backend_failed", extra=facts)
            if session.end_cause is None:
                refusal = Refusal(f"backend_{error.code}", "the backend of this call cannot be used")
                channel.send(conversation.events.error(refusal, "server_error"))
                await asyncio.sleep(_LAST_WORDS)


class _Conversation:
    """One call and its backend; outlives a connection."""

    def __init__(self, session: VoiceSession, channel: EventsChannel, configuration: dict[str, Any]) -> None:
        self.events = EventMaker()
        self._session = session
        self._channel = channel
        self._configuration = {name: value for name, value in configuration.items() if name != "model"}
        self._speech = RealtimeSpeech(session.audio_out)
        self._interrupts = True

    async def talk(self, socket: ClientConnection, is_resumed: bool) -> None:
        """Use one connection until the call or the connection ends."""
        if self._configuration:
            await socket.send(self.events.make("session.update", session=self._configuration))
        try:
            await first_of(
                self._hear(socket),
                self._follow(),
                self._speech.speak(),
                self._relay_client(socket),
                self._relay_backend(socket),
            )
        finally:
            self._speech.close_open()

    async def _hear(self, socket: ClientConnection) -> None:
        async for frame in self._session.audio_in:
            await socket.send(self.events.append(frame.pcm))

    async def _follow(self) -> None:
        async for event in self._session:
            told = self._speech.follow(event)
            if told is not None:
                self._channel.send(self.events.make(told[0], response_id=told[1]))

    async def _relay_client(self, socket: ClientConnection) -> None:
        """The client's events, to the backend."""
        while True:
            text = await self._channel.receive()
            kind = parse_head(text)
            if isinstance(kind, Refusal):
                self._channel.send(self.events.error(kind))
            elif kind == "output_audio_buffer.clear":
                await self._interrupt(socket)
            else:
                if kind == "session.update":
                    self._note_session(parse_object(text))
                await socket.send(text)

    async def _relay_backend(self, socket: ClientConnection) -> None:
        """The backend's events, to the client; its audio, to the playout."""
        complaints = Complaints(_say_nothing, lambda refusal: refusal.code)
        while True:
            text = await socket.recv()
            kind = parse_head(text)
            if isinstance(kind, Refusal):
                await complaints.refuse(kind)
                continue
            if kind in _DELTAS or kind in _DONES:
                refusal = self._take_audio(text, is_end=kind in _DONES)
                if refusal is not None:
                    await complaints.refuse(refusal)
                if kind in _DELTAS:
                    continue
            elif kind in ("session.created", "session.updated"):
                self._interrupts = _interrupts(parse_object(text))
            elif kind == "input_audio_buffer.speech_started" and self._interrupts:
                await self._interrupt(socket)
            self._channel.send(str(text))

    def _take_audio(self, text: str | bytes, *, is_end: bool) -> Refusal | None:
        delta = parse_audio(text)
        if isinstance(delta, Refusal):
            return delta
        audio = None if is_end else delta.audio
        if isinstance(audio, Refusal):
            return audio
        has_room = self._speech.add(delta, audio)
        return None if has_room else Refusal("audio_overflow", "more speech waits than a call may have")

    async def _interrupt(self, socket: ClientConnection) -> None:
        """Silence; the backend learns what was heard, the client that it is silent."""
        cut_off = self._speech.interrupt()
        for response_id in self._speech.silenced():
            self._channel.send(self.events.make("output_audio_buffer.cleared", response_id=response_id))
        for item in cut_off:
            await socket.send(self.events.truncate(item.item_id, item.content_index, item.heard))

    def _note_session(self, event: dict[str, Any]) -> None:
        """Keep what a backend that comes back has to be told."""
        session = event.get("session")
        if isinstance(session, dict):
            self._configuration |= {name: value for name, value in session.items() if name != "model"}


def _interrupts(event: dict[str, Any]) -> bool:
    """Whether the session's turn detection lets the caller interrupt; so it does unless it says otherwise."""
    found: Any = event
    for name in ("session", "audio", "input", "turn_detection"):
        found = found.get(name) if isinstance(found, dict) else None
    return not (isinstance(found, dict) and found.get("interrupt_response") is False)


async def _say_nothing(text: str) -> None:
    """A Realtime server takes no complaints."""
