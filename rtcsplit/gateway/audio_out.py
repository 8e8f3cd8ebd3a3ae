"""What a voice application writes: speech, as fast as it is made; it leaves in real time and can be cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..errors import CallEndedError, UsageError
from ..media.heard import Heard
from ..media.playout import Playout
from ..media.playout_events import SegmentFinished
from ..media.resample import Resampler
from .waiting import Change

__all__ = ["AudioOut", "Speech"]

_WORTHWHILE = 0.25  # seconds of room for which a waiting writer is woken


class Speech:
    """One segment of speech, an utterance for instance. Whoever holds it cannot speak on after it was cut off.

    Attributes:
        segment: its name, as in the events.
    """

    def __init__(self, out: AudioOut, segment: str) -> None:
        self._out = out
        self.segment = segment

    @property
    def is_cut_off(self) -> bool:
        """Whether a flush, another segment or :meth:`end` has closed it: what is written now is not played."""
        return self._out.speech is not self

    async def write(self, audio: bytes) -> bool:
        """Add 16-bit mono audio, or one packet where packets are sent (an empty one is none); wait for room.

        Returns:
            False where the segment is closed, before or while this waited; the rest was dropped.

        Raises:
            CallEndedError: the call is over.
            UsageError: an odd number of octets; no packet of 20 ms of the negotiated codec.
        """
        return await self._out.write_to(self, audio)

    async def end(self) -> None:
        """End the segment: what was written is played to its end, and ``SegmentFinished`` follows."""
        await self._out.end_of(self)


class AudioOut:
    """The outgoing side of one call.

    Args:
        playout: paces and encodes.
        sample_rate: Hz, of what is written; None for packets, which are sent as they are.
        pump: has what is due leave, and the timer looked at anew.
        clock: monotonic seconds.
        can_send: whether the peer has agreed to hear anything.
        flushed: told when a flush began that cut something off, once its fade is on its way.
    """

    def __init__(
        self,
        playout: Playout,
        sample_rate: int | None,
        pump: Callable[[], None],
        clock: Callable[[], float],
        *,
        can_send: Callable[[], bool],
        flushed: Callable[[float], None] = lambda began: None,
    ) -> None:
        self._takes_packets = sample_rate is None
        self.sample_rate = sample_rate = sample_rate or playout.sample_rate
        self.speech: Speech | None = None
        self._playout = playout
        self._pump = pump
        self._clock = clock
        self._can_send = can_send
        self._flushed = flushed
        self._resampler = None if playout.sample_rate == sample_rate else Resampler(sample_rate, playout.sample_rate)
        self._is_ended = False
        self._turn = asyncio.Lock()
        self._room = Change()
        self._worthwhile = min(playout.capacity // 4, int(_WORTHWHILE * playout.sample_rate))

    # speaking

    def begin_segment(self, name: str | None = None) -> Speech:
        """Begin a segment; one that is open is closed and played to its end.

        Raises:
            CallEndedError: the call is over.
            UsageError: the peer receives no audio.
        """
        self._check()
        if self._resampler is not None and self.speech is not None:
            tail = self._resampler.process(b"", is_last=True)
            self._playout.write(tail[: 2 * self._playout.room], self._clock())
        self.speech = Speech(self, self._playout.begin_segment(name))
        self._room.notify()
        self._pump()
        return self.speech

    async def write(self, audio: bytes) -> bool:
        """Add 16-bit mono audio to the open segment, or to a new one; as :meth:`Speech.write`."""
        return await self.write_to(self.speech or self.begin_segment(), audio)

    async def end_segment(self) -> None:
        """End the open segment, if there is one."""
        if self.speech is not None:
            await self.end_of(self.speech)

    def flush(self) -> SegmentFinished | None:
        """Fall silent now: barge-in. What waits is dropped; one packet that leaves now fades to silence.

        Returns:
            The segment that was cut off and how much of it was sent; None where nothing was playing.
        """
        began = self._clock()
        self.speech = None
        if self._resampler is not None:
            self._resampler.process(b"", is_last=True)
        finished = self._playout.flush(began)
        self._room.notify()
        self._pump()
        if finished is not None:
            self._flushed(began)
        return finished

    def pause(self) -> None:
        """Hold speech back after a short fade, until :meth:`resume`; :meth:`flush` drops it meanwhile. Idempotent.

        What is written meanwhile waits, and so does who writes once there is no room. The heard position stands still.
        """
        self._playout.pause(self._clock())
        self._pump()

    def resume(self) -> None:
        """Go on behind what left before :meth:`pause`. Idempotent."""
        self._playout.resume(self._clock())
        self._pump()

    @property
    def is_paused(self) -> bool:
        """Whether speech is held back."""
        return self._playout.is_paused

    @property
    def heard(self) -> Heard | None:
        """What the listener is hearing now, as well as can be told; None before the first speech."""
        return self._playout.heard(self._clock())

    @property
    def seconds_waiting(self) -> float:
        """Speech that was written and has not left."""
        return self._playout.queued

    @property
    def is_playing(self) -> bool:
        """Whether speech waits or is leaving."""
        return self._playout.is_playing

    @property
    def underruns(self) -> int:
        """How often a segment had no audio when it was due."""
        return self._playout.underruns

    # the work behind it

    async def write_to(self, speech: Speech, audio: bytes) -> bool:
        """As :meth:`Speech.write`."""
        self._check()
        if self._takes_packets:
            async with self._turn:
                return await self._put_packet(speech, audio)
        if len(audio) % 2:
            raise UsageError("16-bit audio has an even number of octets")
        second = 2 * self.sample_rate
        async with self._turn:
            for start in range(0, len(audio), second):
                piece = audio[start : start + second]
                if self._resampler is not None and self.speech is speech:
                    piece = self._resampler.process(piece)
                if not await self._put(speech, piece):
                    return False
        return self.speech is speech

    async def end_of(self, speech: Speech) -> None:
        """As :meth:`Speech.end`."""
        async with self._turn:
            if self.speech is not speech or self._is_ended:
                return
            tail = b"" if self._resampler is None else self._resampler.process(b"", is_last=True)
            if await self._put(speech, tail):
                self.speech = None
                self._playout.end_segment(self._clock())
                self._pump()

    def made_room(self) -> None:
        """Packets have left; the session's side."""
        if self._room.is_awaited and self._playout.room >= self._worthwhile:
            self._room.notify()

    def end(self) -> None:
        """The call is over; the session's side."""
        self._is_ended = True
        self._room.notify()

    async def _put(self, speech: Speech, audio: bytes) -> bool:
        """Hand audio at the playout's rate on as there is room; False where the segment is closed meanwhile."""
        at = 0
        while at < len(audio):
            if self._is_ended:
                raise CallEndedError("the call is over")
            if self.speech is not speech:
                return False
            piece = audio[at : at + 2 * self._playout.room]
            if piece:
                self._playout.write(piece, self._clock())
                self._pump()
                at += len(piece)
            else:
                await self._room.wait()
        return self.speech is speech

    async def _put_packet(self, speech: Speech, packet: bytes) -> bool:
        while self.speech is speech and not self._playout.has_room:
            if self._is_ended:
                raise CallEndedError("the call is over")
            await self._room.wait()
        if self.speech is speech and packet:
            self._playout.write(packet, self._clock())
            self._pump()
        return self.speech is speech

    def _check(self) -> None:
        if self._is_ended:
            raise CallEndedError("the call is over")
        if not self._can_send():
            raise UsageError("the peer receives no audio: its offer did not allow it")
