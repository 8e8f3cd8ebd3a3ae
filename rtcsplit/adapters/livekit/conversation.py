"""One call and one agent session, from the beginning of both to the end of either."""

from __future__ import annotations

import asyncio

from livekit.agents import Agent, AgentSession

from ...gateway.voice_session import VoiceSession
from .audio_input import RtcsplitAudioInput
from .audio_output import RtcsplitAudioOutput

__all__ = ["converse"]


async def converse(voice: VoiceSession, session: AgentSession, agent: Agent) -> None:
    """Have an agent talk with the caller; returns when the call or the session has ended, and both have then.

    Args:
        voice: the call; ends with the return of the handler that calls this.
        session: not started yet.
        agent: for the session.
    """
    closed = asyncio.Event()
    session.on("close", lambda _: closed.set())
    session.input.audio = RtcsplitAudioInput(voice)
    session.output.audio = RtcsplitAudioOutput(voice)
    waiters = [asyncio.ensure_future(closed.wait()), asyncio.ensure_future(voice.wait_closed())]
    try:
        await session.start(agent)
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
        await session.aclose()
