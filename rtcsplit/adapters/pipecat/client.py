"""One call, as the two ends of a pipecat transport share it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from ...errors import CallEndedError
from ...gateway.audio_out import Speech
from ...gateway.voice_session import VoiceSession
from ...media.resample import Resampler
from .chat import PEER_LEFT, Chat

__all__ = ["PipecatClient"]

_LAST_WORDS = 0.2  # seconds that a client has to receive what was said to it last
_TICK = 0.02

OnMessage = Callable[[dict[str, Any]], Awaitable[None]]
OnEvent = Callable[[], Awaitable[None]]


class PipecatClient:
    """What a bot's function is given; hand it to :class:`.RtcsplitTransport`.

    Args:
        session: the call.
        chat: its data channel.
        pc_id: the client's name of the call.
        request_data: what the client sent along with its offer, or to ``/start``; None where there was nothing.

    Attributes:
        session: the call.
        pc_id: the client's name of the call, or the transceiver's where it came through another door.
        request_data: as above.
    """

    def __init__(self, session: VoiceSession, chat: Chat, pc_id: str, request_data: Any) -> None:
        self.session = session
        self.pc_id = pc_id
        self.request_data = request_data
        self._chat = chat
        self._speech: Speech | None = None
        self._follower: asyncio.Task[None] | None = None
        self._is_leaving = False
        self._ends = 0
        self._to_output: Resampler | None = None
        self._output_rate = session.audio_out.sample_rate

    @property
    def is_connected(self) -> bool:
        """Whether the call lives and was not left."""
        return not self._is_leaving and self.session.end_cause is None

    # shared by the two ends of a transport

    def connect(self) -> None:
        """One more end of a transport uses the call."""
        self._ends += 1

    async def disconnect(self) -> None:
        """One end less; the last one ends the call."""
        self._ends -= 1
        if self._ends == 0:
            await self.leave()

    def begin(self, connected: OnEvent, received: OnMessage, disconnected: OnEvent) -> None:
        """Say that the client is there, then what it says, then that it is gone. Idempotent.

        Args:
            connected: called once.
            received: called with each message, in order.
            disconnected: called once where the call ended by itself, not by :meth:`leave`.
        """
        if self._follower is None:
            self._follower = asyncio.create_task(self._follow(connected, received, disconnected))

    async def leave(self) -> None:
        """Tell the client that we go, and end the call. Idempotent."""
        if self._is_leaving:
            return
        self._is_leaving = True
        if self._follower is not None and self._follower is not asyncio.current_task():
            self._follower.cancel()
        if self.session.end_cause is None:
            self._chat.send(PEER_LEFT)
            for _ in range(round(_LAST_WORDS / _TICK)):
                await asyncio.sleep(_TICK)
                if not self._chat.has_unsent:
                    break
            self.session.close()

    # audio and messages

    async def audio(self, sample_rate: int) -> AsyncIterator[bytes]:
        """Yield the client's audio, 16-bit mono at ``sample_rate``, until the call ends."""
        rate = self.session.audio_in.sample_rate
        assert rate is not None, "pipelines need decoded audio: set VoiceSettings.input_rate"
        resampler = None if rate == sample_rate else Resampler(rate, sample_rate)
        async for frame in self.session.audio_in:
            pcm = frame.pcm if resampler is None else resampler.process(frame.pcm)
            if pcm:
                yield pcm

    async def write(self, audio: bytes, sample_rate: int) -> bool:
        """Play 16-bit mono audio; wait while the playout is full.

        Returns:
            False where the call is over, or an interruption has cut this off.
        """
        out = self.session.audio_out
        try:
            if self._speech is None or self._speech.is_cut_off:
                self._speech = out.begin_segment()
            return await self._speech.write(self._resampled(audio, sample_rate))
        except CallEndedError:
            return False

    def interrupt(self) -> None:
        """Fall silent now."""
        self._speech = None
        if self.session.end_cause is None:
            self.session.audio_out.flush()

    async def end_speech(self) -> None:
        """What was written is a whole: its last moments need not wait for more."""
        speech, self._speech = self._speech, None
        if speech is not None and self.session.end_cause is None:
            await speech.end()

    async def finish(self) -> None:
        """End the speech and wait until it has left."""
        await self.end_speech()
        if self.is_connected:
            await asyncio.sleep(self.session.audio_out.seconds_waiting)

    def send(self, message: object) -> None:
        """Send an application message."""
        if self.is_connected:
            self._chat.send(message)

    def _resampled(self, audio: bytes, sample_rate: int) -> bytes:
        if sample_rate == self.session.audio_out.sample_rate:
            return audio
        if self._to_output is None or self._output_rate != sample_rate:
            self._output_rate = sample_rate
            self._to_output = Resampler(sample_rate, self.session.audio_out.sample_rate)
        return self._to_output.process(audio)

    async def _follow(self, connected: OnEvent, received: OnMessage, disconnected: OnEvent) -> None:
        await connected()
        while (message := await self._chat.receive()) is not None:
            await received(message)
        await disconnected()
