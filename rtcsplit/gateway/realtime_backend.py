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

import msgspec
from websockets.asyncio.client import ClientConnection

from ..session.events import ChannelEvent, EndCause
from ..signaling.first_of import first_of
from ..transceiver.call import Call
from ..wire.rtp import RtpPacket
from .backend_link import BackendLink, Complaints
from .backend_settings import BackendSettings
from .call_events import CallEvents
from .call_limit import CallLimit
from .realtime_controller import EventsController
from .realtime_events import for_backend, lets_interrupt, parse_audio, parse_head, parse_object
from .realtime_memory import CONVERSATION_EVENTS, ConversationMemory
from .realtime_speech import RealtimeSpeech
from .refusal import BackendError, Refusal
from .voice import VoiceApplication
from .voice_session import VoiceSession
from .websocket_backend import voice_settings

__all__ = ["RealtimeBackend"]

_LOGGER = logging.getLogger(__name__)
_MAX_MESSAGE = 16 << 20
_LAST_WORDS = 0.1  # seconds that the client has to receive why its call ends
_DELTAS = frozenset({"response.output_audio.delta", "response.audio.delta"})
_DONES = frozenset({"response.output_audio.done", "response.audio.done"})


class RealtimeBackend:
    """The application; a :class:`~rtcsplit.transceiver.application.ChannelApplication`, and what
    :func:`~rtcsplit.signaling.realtime.realtime_application` wants to know of its calls.

    Args:
        settings: of the backend; both rates are 24,000 Hz for OpenAI's own.

    Attributes:
        voice: the calls' audio.
    """

    def __init__(self, settings: BackendSettings) -> None:
        self._settings = settings
        self.voice = VoiceApplication(self._serve, voice_settings(settings))
        self._events: dict[str, CallEvents] = {}

    def configure(self, call_id: str, session: dict[str, Any]) -> None:
        """Have the backend told of a call's session configuration; to be called before the call is connected."""
        self._events[call_id] = CallEvents(session)

    def join(self, call_id: str) -> EventsController | None:
        """Return a new controller of a call, beside its client; None where there is no such call.

        Raises:
            OverloadError: the call has as many as it takes.
        """
        events = self._events.get(call_id)
        return None if events is None else events.join()

    async def aclose(self) -> None:
        """End what still runs. Stop the transceiver before."""
        await self.voice.aclose()

    def call_connected(self, call: Call) -> None:
        """Bring the call to the backend."""
        self._events.setdefault(call.call_id, CallEvents({})).connect(call)
        self.voice.call_connected(call)

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        """The caller's audio."""
        self.voice.packet_received(call, packet)

    def channel_event(self, call: Call, event: ChannelEvent) -> None:
        """The caller's events."""
        events = self._events.get(call.call_id)
        if events is not None:
            events.take(event)

    def call_ended(self, call: Call, cause: EndCause) -> None:
        """Forget the call."""
        events = self._events.pop(call.call_id, None)
        if events is not None:
            events.end()
        self.voice.call_ended(call, cause)

    async def _serve(self, session: VoiceSession) -> None:
        events = self._events.get(session.call_id)
        if events is None:
            return  # it ended before this task began
        conversation = _Conversation(session, events, CallLimit(self._settings.call_seconds))
        link = BackendLink(self._settings, {}, conversation.is_over, max_message=_MAX_MESSAGE)
        try:
            await link.run(conversation.talk)
            if session.end_cause is None and conversation.limit.is_reached:
                await _say_last(events, Refusal("session_expired", conversation.limit.message), "invalid_request_error")
        except BackendError as error:
            facts = {"session": session.ufrag[:6], "reason": error.code, "detail": str(error)}
            _LOGGER.warning("backend_failed", extra=facts)
            if session.end_cause is None:
                refusal = Refusal(f"backend_{error.code}", "the backend of this call cannot be used")
                await _say_last(events, refusal, "server_error")


class _Conversation:
    """One call and its backend; outlives a connection."""

    def __init__(self, session: VoiceSession, events: CallEvents, limit: CallLimit) -> None:
        self.limit = limit
        self._session = session
        self._events = events
        self._maker = events.maker
        self._configuration = for_backend(events.configuration)
        self._speech = RealtimeSpeech(session.audio_out)
        self._memory = ConversationMemory()
        self._interrupts = True

    def is_over(self) -> bool:
        """Whether another connection is of no use."""
        return self._session.end_cause is not None or self.limit.is_reached

    async def talk(self, socket: ClientConnection, is_resumed: bool) -> None:
        """Use one connection until the call or the connection ends."""
        if self._configuration:
            await socket.send(self._maker.make("session.update", session=self._configuration))
        if is_resumed:
            await self._restore(socket)
        try:
            await first_of(
                self._hear(socket),
                self._follow(),
                self._speech.speak(),
                self._relay_events(socket),
                self._relay_backend(socket),
                self.limit.wait(),
            )
        finally:
            self._speech.close_open()

    async def _restore(self, socket: ClientConnection) -> None:
        """Give the conversation to a backend that has not begun it, and tell everybody what became of it."""
        items, missing = self._memory.restore()
        for item in items:
            await socket.send(self._maker.make("conversation.item.create", item=item))
        restored = [item["id"] for item in items]
        self._events.send(
            self._maker.make("gateway.conversation.restored", item_ids=restored, missing_item_ids=missing)
        )

    async def _hear(self, socket: ClientConnection) -> None:
        async for frame in self._session.audio_in:
            await socket.send(self._maker.append(frame.pcm))

    async def _follow(self) -> None:
        async for event in self._session:
            told = self._speech.follow(event)
            if told is not None:
                self._events.send(self._maker.make(told[0], response_id=told[1]))

    async def _relay_events(self, socket: ClientConnection) -> None:
        """The events of the client and its controllers, to the backend."""
        while True:
            participant, text = await self._events.receive()
            kind = parse_head(text)
            if isinstance(kind, Refusal):
                participant.send(self._maker.error(kind))
            elif kind == "output_audio_buffer.clear":
                await self._interrupt(socket)
            else:
                await socket.send(self._session_update(text) if kind == "session.update" else text)

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
            elif kind in CONVERSATION_EVENTS:
                if not self._memory.note(kind, text):
                    continue
            elif kind in ("session.created", "session.updated"):
                self._take_session(parse_object(text).get("session"))
            elif kind == "input_audio_buffer.speech_started" and self._interrupts:
                await self._interrupt(socket)
            self._events.send(str(text))

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
            self._events.send(self._maker.make("output_audio_buffer.cleared", response_id=response_id))
        for item in cut_off:
            self._memory.cut_off(item.item_id)
            await socket.send(self._maker.truncate(item.item_id, item.content_index, item.heard))

    def _take_session(self, session: object) -> None:
        """Follow what the backend says of the session."""
        if isinstance(session, dict):
            self._events.session = session
            self._interrupts = lets_interrupt(session)

    def _session_update(self, text: str | bytes) -> str | bytes:
        """Return the event as the backend gets it, and keep what one that comes back has to be told."""
        event = parse_object(text)
        session = event.get("session")
        if not isinstance(session, dict):
            return text  # the backend's to refuse
        wanted = for_backend(session)
        self._configuration |= wanted
        return msgspec.json.encode(event | {"session": wanted}).decode()


async def _say_last(events: CallEvents, refusal: Refusal, kind: str) -> None:
    """Tell why the call ends, and give that the time to arrive."""
    events.send(events.maker.error(refusal, kind))
    await asyncio.sleep(_LAST_WORDS)


async def _say_nothing(text: str) -> None:
    """A Realtime server takes no complaints."""
