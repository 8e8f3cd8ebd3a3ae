"""What the caller says, as LiveKit's audio frames."""

from __future__ import annotations

from livekit import rtc
from livekit.agents.voice import io

from ...errors import UsageError
from ...gateway.voice_session import VoiceSession

__all__ = ["RtcsplitAudioInput"]


class RtcsplitAudioInput(io.AudioInput):
    """``session.input.audio``: an asynchronous iterator that ends with the call.

    Args:
        voice: the call.

    Raises:
        UsageError: the call's settings leave its audio encoded.
    """

    def __init__(self, voice: VoiceSession) -> None:
        super().__init__(label="rtcsplit")
        rate = voice.audio_in.sample_rate
        if rate is None:
            raise UsageError("LiveKit Agents need decoded audio: set VoiceSettings.input_rate")
        self._sample_rate = rate
        self._outlet = voice.audio_in

    async def __anext__(self) -> rtc.AudioFrame:
        """Return the next frame, 16-bit mono.

        Raises:
            StopAsyncIteration: the call has ended.
        """
        while not (pcm := (await self._outlet.__anext__()).pcm):
            pass
        return rtc.AudioFrame(pcm, self._sample_rate, 1, len(pcm) // 2)
