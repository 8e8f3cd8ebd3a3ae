"""What a voice application reads: the peer's audio, live and as a transcript of everything, each bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from ..errors import UsageError
from ..media.decoding import FrameDecoder
from ..media.frame import Fate, Step
from ..wire.rtp_extension import AudioLevel
from .waiting import Change

__all__ = ["AudioFrame", "AudioIn", "AudioOutlet"]

_IN_A_ROW = 50  # frames that are handed out before other tasks have a turn


class AudioFrame(NamedTuple):
    """A stretch of the peer's audio, mostly 20 ms. Frames follow each other without gap or overlap, but for `is_gap`.

    Attributes:
        media_time: where it begins, in seconds since the call's first frame.
        duration: seconds.
        fate: whether it was received, recovered, made up, or is silence.
        pcm: 16-bit, mono, native byte order, at the outlet's rate; empty where the outlet does not decode.
        payload: as it came, for ``RECEIVED``, ``COPIED`` and ``LATE``; else None.
        codec: encoding name of the payload: ``opus``, ``pcmu``, ``pcma``.
        level: of the frame as its sender says (RFC 6464), without decoding; None where it does not.
        is_gap: media time jumps before this frame: the peer was silent for long, or frames were dropped because
            they were not read in time.
    """

    media_time: float
    duration: float
    fate: Fate
    pcm: bytes
    payload: bytes | None
    codec: str
    level: AudioLevel | None
    is_gap: bool


class AudioOutlet(AsyncIterator[AudioFrame]):
    """An asynchronous iterator over frames, for one task; it ends with the call.

    Frames wait encoded, and are decoded as they are read.

    Args:
        sample_rate: Hz, None for frames as they came.
        capacity: seconds that may wait; beyond them the oldest are dropped.

    Attributes:
        seconds_dropped: because they were not read in time.
    """

    def __init__(self, sample_rate: int | None, capacity: float) -> None:
        self.sample_rate = sample_rate
        self.seconds_dropped = 0.0
        self._decoder = None if sample_rate is None else FrameDecoder(sample_rate)
        self._capacity = capacity
        self._steps: deque[Step] = deque()
        self._waiting = 0.0
        self._is_ended = False
        self._has_dropped = False
        self._in_a_row = 0
        self._change = Change()

    def __aiter__(self) -> AudioOutlet:
        return self

    async def __anext__(self) -> AudioFrame:
        """Return the next frame.

        Raises:
            StopAsyncIteration: the call has ended and everything was read.
            UsageError: another task is reading.
        """
        self._in_a_row += 1
        if self._in_a_row >= _IN_A_ROW:
            self._in_a_row = 0
            await asyncio.sleep(0)
        while not self._steps:
            if self._is_ended:
                raise StopAsyncIteration
            self._in_a_row = 0
            await self._change.wait()
        return self._next()

    @property
    def seconds_waiting(self) -> float:
        """How far behind the reader is."""
        return self._waiting

    def put(self, steps: Iterable[Step]) -> None:
        """Add steps; the session's side."""
        for step in steps:
            self._steps.append(step)
            self._waiting += step.duration / step.codec.clock_rate
        while self._waiting > self._capacity:
            dropped = self._steps.popleft()
            duration = dropped.duration / dropped.codec.clock_rate
            self._waiting -= duration
            self.seconds_dropped += duration
            self._has_dropped = True
        self._change.notify()

    def end(self) -> None:
        """No more will come; the session's side."""
        self._is_ended = True
        self._change.notify()

    def _next(self) -> AudioFrame:
        step = self._steps.popleft()
        duration = step.duration / step.codec.clock_rate
        self._waiting = self._waiting - duration if self._steps else 0.0
        is_gap = step.is_gap or self._has_dropped
        self._has_dropped = False
        pcm = b"" if self._decoder is None else self._decoder.decode(step)
        own = step.frame if step.fate is not Fate.RECOVERED else None
        return AudioFrame(
            step.media_time,
            duration,
            step.fate,
            pcm,
            None if own is None else own.payload,
            step.codec.name,
            None if own is None else own.level,
            is_gap,
        )


class AudioIn(AudioOutlet):
    """The live outlet, and beside it the transcript outlet."""

    def __init__(self, sample_rate: int | None, capacity: float, transcript: AudioOutlet | None) -> None:
        super().__init__(sample_rate, capacity)
        self._transcript = transcript

    @property
    def transcript(self) -> AudioOutlet:
        """Everything that comes, complete rather than prompt; to be read beside the live outlet, by its own task.

        Raises:
            UsageError: the settings have no transcript.
        """
        if self._transcript is None:
            raise UsageError("this application has no transcript outlet (VoiceSettings.has_transcript)")
        return self._transcript
