"""Speech to the peer: written faster than real time, sent in real time, cut off within a frame (RFC 3550, 3551).

Frames leave 20 ms apart, on a grid that all calls of a process share. The next frame is taken from the queue and
encoded right after the one before it has left, so that its own moment costs nothing; the encoder can be set back by
one frame, which is what a flush does to turn that frame into a fade.

Between two talkspurts the timestamp jumps over the silence in whole frames, and the first packet has the marker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ..session.negotiation import AudioCodec
from .departures import Departures
from .encoding import EncodeJob, FrameEncoder, run_now
from .frame_clock import FrameClock
from .heard import Heard
from .packet_encoder import PacketEncoder
from .packet_queue import PacketQueue
from .playout_events import (
    OutgoingFrame,
    PlayoutEvent,
    PlayoutSettings,
    SegmentFinished,
    SilencePolicy,
    Starved,
)
from .speech_queue import QueuedFrame, SpeechQueue

__all__ = ["Playout"]


class _Prepared(NamedTuple):
    frame: QueuedFrame | None  # None for silence
    job: EncodeJob
    finish: Callable[[], None]


class Playout:
    """One call's outgoing speech. After each call drain frames and events, and ask for the timer again.

    Args:
        encoder: of the negotiated codec.
        settings: see :class:`PlayoutSettings`.
        submit: has a frame encoded, now or in another thread, and returns what waits for it to be done.

    Attributes:
        underruns: how often a segment had no audio when it was due.
        is_paused: see :meth:`pause`.
    """

    def __init__(
        self,
        encoder: FrameEncoder,
        settings: PlayoutSettings | None = None,
        *,
        submit: Callable[[EncodeJob], Callable[[], None]] = run_now,
    ) -> None:
        self._encoder = encoder
        self._settings = settings or PlayoutSettings()
        self._submit = submit
        self.sample_rate = encoder.sample_rate
        capacity = int(self._settings.capacity * encoder.sample_rate)
        samples = encoder.sample_rate * encoder.frame_ms // 1000
        self._queue: SpeechQueue | PacketQueue = (
            PacketQueue(encoder.codec, samples, capacity)
            if isinstance(encoder, PacketEncoder)
            else SpeechQueue(samples, capacity)
        )
        self._clock = FrameClock(0.0, 0, self._settings.grid)
        self._follow_encoder()
        self._events: deque[PlayoutEvent] = deque()
        self._departures = Departures(encoder.sample_rate, self._events)
        self._ready: _Prepared | None = None
        self._fade = int(self._settings.fade * encoder.sample_rate)
        self._silence_left = 0  # frames of silence still to send
        self._is_talking = False  # the latest packet was speech
        self._is_dtx = False  # the latest frame was one that need not be sent
        self._frames: list[OutgoingFrame] = []
        self.underruns = 0
        self.is_paused = False

    # the application's side

    @property
    def room(self) -> int:
        """Samples that can be written now."""
        return self._queue.room

    @property
    def has_room(self) -> bool:
        """Whether a whole frame can be written now."""
        return self._queue.room >= self._queue.frame

    @property
    def capacity(self) -> int:
        """Samples that may wait."""
        return self._queue.capacity

    @property
    def queued(self) -> float:
        """Seconds of speech that wait."""
        return self._queue.samples / self.sample_rate

    @property
    def is_playing(self) -> bool:
        """Whether speech waits or is being sent."""
        return self._ready is not None or self._queue.samples > 0

    def start(self, now: float) -> None:
        """The call is connected; with ``CONTINUOUS`` silence begins at once."""
        if self._settings.silence is SilencePolicy.CONTINUOUS:
            self._clock.start(now)

    def begin_segment(self, name: str | None = None) -> str:
        """Begin a segment of speech, one utterance for instance, and return its name; one that is open ends."""
        return self._queue.segments.begin(name)

    def write(self, audio: bytes, now: float) -> None:
        """Add 16-bit audio, or one packet where the encoder is for packets, to the open segment or to a new one.

        Raises:
            UsageError: as ``SpeechQueue.write`` or ``PacketQueue.write``; nothing was added.
        """
        self._queue.write(audio)
        self._clock.start(now)

    def end_segment(self, now: float) -> None:
        """End the open segment, if any: what was written of it is played to the end."""
        if self._queue.segments.is_open:
            self._queue.segments.end()
            self._clock.start(now)

    def flush(self, now: float) -> SegmentFinished | None:
        """Fall silent: what has not left is dropped, but for a fade of a few milliseconds that leaves now.

        Returns:
            The event for the segment that was cut off, which is in the queue of events too; None where nothing was
            playing.
        """
        prepared, self._ready = self._ready, None
        if prepared is not None:
            prepared.finish()
            self._encoder.undo()
        frame = self._take() if prepared is None else prepared.frame
        names = self._queue.clear()
        if frame is not None:
            segment = frame.place.segment
            names = [segment, *(name for name in names if name != segment)]
            if self._is_leaving(frame) and not self.is_paused:
                self._cut(frame)
        events = [SegmentFinished(name, self._departures.seconds_sent(name), True) for name in names]
        self._events += events
        return events[0] if events else None

    def pause(self, now: float) -> None:
        """Hold speech back, after a fade of a few milliseconds that leaves now. Nothing is dropped; idempotent.

        What follows is as after speech: a little silence, and what the policy says. Packets that were encoded elsewhere
        have no fade.
        """
        self.is_paused = True
        prepared = self._ready
        if prepared is None or prepared.frame is None or prepared.frame.place.samples <= self._fade:
            return  # what is left of the segment is as short as a fade
        has_fade = isinstance(self._queue, SpeechQueue) and self._is_leaving(prepared.frame)
        self._unprepare(prepared, self._fade if has_fade else 0)
        if has_fade:
            self._cut(prepared.frame)

    def resume(self, now: float) -> None:
        """Go on behind what left before :meth:`pause`. Idempotent."""
        self.is_paused = False
        if self._queue.segments.current is not None:
            self._clock.start(now)

    def renegotiate(self, codec: AudioCodec) -> None:
        """Follow a later answer, from the next frame on: what the peer wants may be another duration or bit rate."""
        if self._ready is not None:
            self._unprepare(self._ready, 0)
        self._encoder.renegotiate(codec)
        self._follow_encoder()

    def heard(self, now: float) -> Heard | None:
        """Return what the listener is hearing, or heard last; None before the first speech."""
        return self._departures.position.heard(now)

    def note_report(self, round_trip: float | None, jitter: float, behind: int, now: float) -> None:
        """Take the receiver's report; arguments as ``HeardPosition.report``, ``behind`` in packets."""
        self._departures.position.report(round_trip, jitter, behind * self._seconds, now)

    # the driver's side

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called."""
        due, finished_at = self._clock.due, self._departures.next_timer()
        return due if finished_at is None else finished_at if due is None else min(due, finished_at)

    def handle_timer(self, now: float) -> None:
        """Let what is due leave, and say what has been heard to its end."""
        while self._clock.is_due(now):
            self._send()
        self._departures.handle_timer(now)

    def frames_to_send(self) -> list[OutgoingFrame]:
        """Return and forget the packets that are to be sent now."""
        frames, self._frames = self._frames, []
        return frames

    def next_event(self) -> PlayoutEvent | None:
        """Return the next event, None where there is none."""
        return self._events.popleft() if self._events else None

    def _send(self) -> None:
        prepared = self._ready or self._prepare()
        self._ready = None
        if prepared is None:
            self._note_starvation()
            if not self._sends_silence():
                self._clock.stop()
                return
            prepared = self._prepare_silence()
        departure = self._clock.depart()
        prepared.finish()
        assert prepared.job.payload is not None
        if prepared.frame is not None:
            self._departures.depart(prepared.frame.place, departure)
        self._emit(prepared.job.payload, is_speech=prepared.frame is not None)
        self._ready = self._prepare()

    def _prepare(self) -> _Prepared | None:
        """Take the next frame of speech, if there is a whole one, and have it encoded."""
        frame = None if self.is_paused else self._take()
        return None if frame is None else self._encode(frame.audio, frame)

    def _unprepare(self, prepared: _Prepared, samples: int) -> None:
        """The next frame is not to leave as it was encoded; all but its first samples wait again."""
        self._ready = None
        prepared.finish()
        self._encoder.undo()
        if prepared.frame is not None:
            self._queue.put_back(prepared.frame, samples)

    def _follow_encoder(self) -> None:
        encoder = self._encoder
        self._seconds = encoder.frame_ms / 1000
        self._units = encoder.codec.clock_rate * encoder.frame_ms // 1000
        self._hangover = round(self._settings.hangover / self._seconds)
        self._queue.frame = encoder.sample_rate * encoder.frame_ms // 1000
        self._clock.change(self._seconds, self._units)

    def _take(self) -> QueuedFrame | None:
        frame = self._queue.take()
        while frame is not None and not frame.place.samples:  # a segment that ended with the frame before
            self._departures.end(frame.place.segment, frame.place.offset)
            frame = self._queue.take()
        return frame

    def _encode(self, audio: bytes, frame: QueuedFrame | None) -> _Prepared:
        job = EncodeJob(self._encoder, audio)
        return _Prepared(frame, job, self._submit(job))

    def _prepare_silence(self) -> _Prepared:
        self._silence_left -= 1
        return self._encode(self._encoder.silence, None)

    def _sends_silence(self) -> bool:
        policy = self._settings.silence
        goes_on = policy is SilencePolicy.CONTINUOUS or (
            policy is SilencePolicy.DTX and self._encoder.codec.name == "opus"
        )
        return goes_on or self._silence_left > 0

    def _emit(self, payload: bytes, *, is_speech: bool) -> None:
        has_marker = is_speech and (self._clock.gap > 0 or not self._is_talking)
        is_dtx = len(payload) <= 2
        if is_dtx and self._is_dtx:  # the first one tells the peer's decoder; the others need not be sent
            self._clock.withheld()
        else:
            codec = self._encoder.codec
            self._frames.append(OutgoingFrame(payload, codec.payload_type, self._units, self._clock.gap, has_marker))
            self._clock.sent()
        self._is_dtx = is_dtx
        self._is_talking = is_speech
        if is_speech:
            self._silence_left = self._hangover

    def _is_leaving(self, frame: QueuedFrame) -> bool:
        """Whether what came before a frame in its segment is being heard."""
        return self._clock.due is not None and self._departures.is_latest(frame.place.segment)

    def _cut(self, frame: QueuedFrame) -> None:
        """Turn the next frame into a fade, and let it leave ahead of its time: no need to wait with silence."""
        samples = min(self._fade, frame.place.samples)
        place = frame.place._replace(samples=samples, is_last=False)
        self._ready = self._encode(self._encoder.faded(frame.audio, samples), QueuedFrame(frame.audio, place))
        self._send()

    def _note_starvation(self) -> None:
        segment = self._queue.segments.current
        if self.is_paused:
            self._is_talking = False
        elif segment is not None and self._is_talking and self._departures.is_latest(segment):
            self.underruns += 1
            self._events.append(Starved(segment))
            self._is_talking = False
