"""A bot for each call: what a transceiver runs, and what the SmallWebRTC door tells of its calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ...gateway.voice import VoiceApplication
from ...gateway.voice_session import VoiceSession
from ...gateway.voice_settings import VoiceSettings
from ...media.playout_events import PlayoutSettings
from ...session.events import ChannelEvent, EndCause
from ...transceiver.call import Call
from ...wire.rtp import RtpPacket
from .chat import Chat
from .client import PipecatClient

__all__ = ["PipecatApplication", "voice_settings"]

_MAX_OPENED = 10_000

Bot = Callable[[PipecatClient], Awaitable[None]]


def voice_settings(input_rate: int = 16_000, output_rate: int = 24_000, lead: float = 0.2) -> VoiceSettings:
    """Return settings for bots.

    Args:
        input_rate: Hz, best that of the pipelines; pipecat's default here.
        output_rate: the same.
        lead: seconds that a pipeline may be ahead of what its listener hears, 0.1 at least: the wait for room is its
            pace, so that this is what pipecat does not know of when it is interrupted, and what a busy loop may
            oversleep without a gap.

    Raises:
        UsageError: a value is out of range.
    """
    return VoiceSettings(
        input_rate=input_rate,
        output_rate=output_rate,
        has_transcript=False,
        playout=PlayoutSettings(capacity=lead),
    )


class PipecatApplication:
    """The application of a transceiver; a :class:`~rtcsplit.transceiver.application.ChannelApplication`.

    Args:
        bot: called with the client of each call that is connected; makes a pipeline around a
            :class:`.RtcsplitTransport` and runs it. Its return, or an exception, ends the call.
        settings: of all calls; those of :func:`voice_settings` if None.
    """

    def __init__(self, bot: Bot, settings: VoiceSettings | None = None) -> None:
        self._bot = bot
        self._voice = VoiceApplication(self._serve, settings or voice_settings())
        self._chats: dict[str, Chat] = {}
        self._opened: dict[str, tuple[str, Any]] = {}

    def opened(self, call_id: str, pc_id: str, data: Any) -> None:
        """Take the client's name of a call and its request data; the door's callback."""
        while len(self._opened) >= _MAX_OPENED:
            del self._opened[next(iter(self._opened))]
        self._opened[call_id] = (pc_id, data)

    async def aclose(self) -> None:
        """Cancel the bots that still run, and wait for them. Stop the transceiver before."""
        await self._voice.aclose()

    def call_connected(self, call: Call) -> None:
        """Start a bot."""
        self._chats[call.call_id] = Chat(call)
        self._voice.call_connected(call)

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        """The caller's audio."""
        self._voice.packet_received(call, packet)

    def channel_event(self, call: Call, event: ChannelEvent) -> None:
        """The caller's messages."""
        chat = self._chats.get(call.call_id)
        if chat is not None:
            chat.take(event)

    def call_ended(self, call: Call, cause: EndCause) -> None:
        """Forget the call."""
        chat = self._chats.pop(call.call_id, None)
        if chat is not None:
            chat.end()
        self._opened.pop(call.call_id, None)
        self._voice.call_ended(call, cause)

    async def _serve(self, session: VoiceSession) -> None:
        chat = self._chats.get(session.call_id)
        if chat is None:
            return  # it ended before this task began
        pc_id, data = self._opened.pop(session.call_id, (session.call_id, None))
        client = PipecatClient(session, chat, pc_id, data)
        try:
            await self._bot(client)
        finally:
            await client.leave()
