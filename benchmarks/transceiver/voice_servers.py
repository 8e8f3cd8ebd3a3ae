"""rtcsplit's voice applications as contenders: they decode what they hear and encode what they say.

``rtcsplit-voice`` listens and talks, ``rtcsplit-voice-echo`` says what it hears.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from benchmarks.codec.speech import RATE, speech
from rtcsplit.gateway.voice import VoiceApplication
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings

from .rtcsplit_servers import DIRECT, serve_application

__all__ = ["CONTENDERS"]


async def _serve_rtcsplit_voice(connection: Connection) -> None:
    audio = speech()

    async def listen(session: VoiceSession) -> None:
        async for frame in session.audio_in:
            assert frame.pcm

    async def converse(session: VoiceSession) -> None:
        listening = asyncio.ensure_future(listen(session))
        speaking = session.audio_out.begin_segment()
        for second in itertools.cycle(range(len(audio) // (2 * RATE))):
            if not await speaking.write(audio[2 * RATE * second : 2 * RATE * (second + 1)]):
                break
        await listening

    await _serve_voice(connection, converse)


async def _serve_rtcsplit_voice_echo(connection: Connection) -> None:
    async def echo(session: VoiceSession) -> None:
        async for frame in session.audio_in:
            await session.audio_out.write(frame.pcm)

    await _serve_voice(connection, echo)


async def _serve_voice(connection: Connection, handler: Callable[[VoiceSession], Awaitable[None]]) -> None:
    settings = VoiceSettings(input_rate=RATE, output_rate=RATE, has_transcript=False)
    await serve_application(connection, VoiceApplication(handler, settings), DIRECT)


CONTENDERS: dict[str, Callable[[Connection], Awaitable[None]]] = {
    "rtcsplit-voice": _serve_rtcsplit_voice,
    "rtcsplit-voice-echo": _serve_rtcsplit_voice_echo,
}
