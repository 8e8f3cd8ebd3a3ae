"""What the agent says: frames faster than real time into the playout, and what became of them back."""

from __future__ import annotations

import asyncio
import contextlib
import time

from livekit import rtc
from livekit.agents.voice import io

from ...errors import CallEndedError
from ...gateway.audio_out import Speech
from ...gateway.voice_session import VoiceSession
from ...media.playout_events import SegmentFinished, SegmentStarted

__all__ = ["RtcsplitAudioOutput"]


class RtcsplitAudioOutput(io.AudioOutput):
    """``session.output.audio``. LiveKit's segments are the playout's; each is reported as finished exactly once.

    It reads the events of the call, so nobody else may.

    Args:
        voice: the call.
    """

    def __init__(self, voice: VoiceSession) -> None:
        super().__init__(
            label="rtcsplit",
            capabilities=io.AudioOutputCapabilities(pause=True),
            sample_rate=voice.audio_out.sample_rate,
        )
        self._voice = voice
        self._speech: Speech | None = None  # of the open segment; stays after a cut until that is flushed
        self._is_mute = False  # the open segment began after the call's end
        self._unfinished: list[str] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._follower: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Add a frame to the open segment, or to a new one; wait while the playout is full."""
        await super().capture_frame(frame)
        self._follow()
        try:
            if self._speech is None and not self._is_mute:
                self._speech = self._voice.audio_out.begin_segment()
                self._unfinished.append(self._speech.segment)
            if self._speech is not None:
                await self._speech.write(bytes(frame.data))
        except CallEndedError:
            self._is_mute = self._speech is None

    def flush(self) -> None:
        """End the open segment: it is played to its end."""
        super().flush()
        speech, self._speech = self._speech, None
        if self._is_mute:
            self._is_mute = False
            self.on_playback_finished(playback_position=0.0, interrupted=True)
        if speech is not None:
            task = asyncio.ensure_future(_end(speech))
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)

    def clear_buffer(self) -> None:
        """Fall silent now; what is captured until the next flush belongs to the segment that was cut off."""
        if self._voice.end_cause is None:
            self._voice.audio_out.flush()

    def pause(self) -> None:
        """Hold what is being said back, for instance while it is not clear whether the caller interrupts."""
        super().pause()
        self._voice.audio_out.pause()

    def resume(self) -> None:
        """Go on where :meth:`pause` stopped."""
        super().resume()
        self._voice.audio_out.resume()

    def on_attached(self) -> None:
        """Begin to follow the call."""
        super().on_attached()
        self._follow()

    def _follow(self) -> None:
        if self._follower is None:
            self._follower = asyncio.ensure_future(self._report())

    async def _report(self) -> None:
        async for event in self._voice:
            match event:
                case SegmentStarted():
                    self.on_playback_started(created_at=time.time())
                case SegmentFinished(segment, seconds, is_interrupted) if segment in self._unfinished:
                    self._unfinished.remove(segment)
                    self.on_playback_finished(playback_position=seconds, interrupted=is_interrupted)
        heard = self._voice.audio_out.heard
        for segment in self._unfinished:
            seconds = heard.seconds if heard is not None and heard.segment == segment else 0.0
            self.on_playback_finished(playback_position=seconds, interrupted=True)
        self._unfinished.clear()


async def _end(speech: Speech) -> None:
    with contextlib.suppress(CallEndedError):
        await speech.end()
