"""A call as a voice application sees it: audio in, audio out, events."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable

from ..errors import UsageError
from ..media.encoding import EncodeJob, new_encoder, run_now
from ..media.inbound_audio import InboundAudio
from ..media.jitter import JitterBuffer
from ..media.playout import Playout
from ..media.playout_events import OutgoingFrame, PlayoutEvent
from ..media.statistics import RtpStatistics
from ..media.transcript import TranscriptBuffer
from ..session.events import EndCause
from ..session.negotiation import AudioNegotiation
from ..transceiver.call import Call
from ..wire.rtp import RtpPacket
from .audio_in import AudioIn, AudioOutlet
from .audio_out import AudioOut
from .voice_counters import VoiceCounters, VoiceTotals
from .voice_settings import VoiceSettings
from .waiting import Change

__all__ = ["VoiceSession"]

_LOGGER = logging.getLogger(__name__)
_MAX_EVENTS = 1000  # that wait for somebody who does not read them; the oldest are dropped


class VoiceSession:
    """One connected call with its audio. ``async for event in session`` gives its events until it ends.

    Args:
        call: connected, with audio.
        settings: see :class:`VoiceSettings`.
        submit: encodes frames; see ``media.encoding``.
        counters: of all calls of the application.

    Attributes:
        audio_in: the peer's audio, live; ``audio_in.transcript`` is the complete one.
        audio_out: what the peer shall hear.
        end_cause: why the call ended; None while it lasts.
    """

    def __init__(
        self,
        call: Call,
        settings: VoiceSettings | None = None,
        *,
        submit: Callable[[EncodeJob], Callable[[], None]] = run_now,
        counters: VoiceCounters | None = None,
    ) -> None:
        if call.audio is None:
            raise UsageError("this call has no audio")
        settings = settings or VoiceSettings()
        self._call = call
        self._counters = counters or VoiceCounters()
        transcript = AudioOutlet(settings.transcript_rate, settings.transcript_backlog)
        self.audio_in = AudioIn(
            settings.input_rate, settings.live_backlog, transcript if settings.has_transcript else None
        )
        self._transcript = transcript
        self._live = JitterBuffer(
            is_even=settings.is_even, minimum_delay=settings.minimum_delay, maximum_delay=settings.maximum_delay
        )
        self._inbound = InboundAudio(
            call.audio,
            self._live,
            TranscriptBuffer(patience=settings.patience) if settings.has_transcript else None,
        )
        encoder = new_encoder(
            call.audio.codecs[0],
            settings.output_rate,
            bitrate=settings.bitrate,
            complexity=settings.complexity,
            has_dtx=settings.playout.silence.value == "dtx",
        )
        self._playout = Playout(encoder, settings.playout, submit=submit)
        self.audio_out = AudioOut(
            self._playout,
            settings.output_rate,
            self._pump,
            lambda: call.now,
            can_send=lambda: self.audio.direction.may_send,
            flushed=self._note_flush,
        )
        self.end_cause: EndCause | None = None
        self._events: deque[PlayoutEvent] = deque(maxlen=_MAX_EVENTS)
        self._change = Change()
        self._ended = asyncio.Event()
        self._report = call.remote_report
        self._reported_at: float | None = None
        self._inbound_at: float | None = None  # when something is to be filled in
        if call.audio.direction.may_send:
            self._playout.start(call.now)

    @property
    def call_id(self) -> str:
        """Unguessable name of the call."""
        return self._call.call_id

    @property
    def ufrag(self) -> str:
        """Our ICE username fragment; its first six characters name the call in logs."""
        return self._call.ufrag

    @property
    def audio(self) -> AudioNegotiation:
        """What was negotiated."""
        assert self._call.audio is not None
        return self._call.audio

    @property
    def statistics(self) -> RtpStatistics | None:
        """Of the call's RTP, see ``Call.statistics``."""
        return self._call.statistics

    @property
    def totals(self) -> VoiceTotals:
        """What the call has counted so far."""
        inbound = self._inbound
        return VoiceTotals.of(
            self.statistics, late=inbound.late, duplicates=inbound.duplicates, underruns=self.audio_out.underruns
        )

    async def events(self) -> AsyncIterator[PlayoutEvent]:
        """Yield ``SegmentStarted``, ``SegmentFinished`` and ``Starved``, until the call has ended; for one task."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._ended.is_set():
                return
            await self._change.wait()

    def __aiter__(self) -> AsyncIterator[PlayoutEvent]:
        return self.events()

    def close(self) -> None:
        """End the call. Idempotent."""
        self._call.close()

    async def wait_closed(self) -> EndCause:
        """Wait until the call has ended by whatever cause, and return that."""
        await self._ended.wait()
        assert self.end_cause is not None
        return self.end_cause

    # what the application and the call do with it

    def packet_received(self, packet: RtpPacket) -> None:
        """Take a packet of the peer."""
        now = self._call.now
        self._inbound.receive(packet, now)
        self._drain_inbound(now)

    def next_timer(self) -> float | None:
        """Return when :meth:`handle_timer` wants to be called."""
        playout, inbound = self._playout.next_timer(), self._inbound_at
        return inbound if playout is None else playout if inbound is None else min(playout, inbound)

    def handle_timer(self, now: float) -> None:
        """Let speech leave that is due, and fill what has not come."""
        try:
            if self._inbound_at is not None and now >= self._inbound_at:
                self._drain_inbound(now)
            self._drain_playout(now)
        except Exception:
            _LOGGER.exception("voice_failed", extra={"session": self._call.ufrag[:6]})
            self._call.close()

    def renegotiated(self, now: float) -> None:
        """A later answer was given: the peer may want to hear something else, or in another way."""
        self._playout.renegotiate(self.audio.codecs[0])
        if self.audio.direction.may_send:
            self._playout.start(now)

    def ended(self, cause: EndCause) -> None:
        """The call is over: iterators come to their end, writers are told."""
        self.end_cause = cause
        self._counters.ended = self._counters.ended.plus(self.totals)
        self._transcript.put(self._inbound.finish())
        self.audio_in.end()
        self._transcript.end()
        self.audio_out.end()
        self._ended.set()
        self._change.notify()

    def _pump(self) -> None:
        """The application wrote or flushed."""
        if self.end_cause is None:
            self._drain_playout(self._call.now)
            self._call.wake()

    def _drain_inbound(self, now: float) -> None:
        live = self._inbound.live_steps(now)
        if live:
            frames = self._counters.frames
            for step in live:
                frames[step.fate] += 1
            self.audio_in.put(live)
        transcript = self._inbound.transcript_steps(now)
        if transcript:
            self._transcript.put(transcript)
        self._inbound_at = self._inbound.next_timer()

    def _drain_playout(self, now: float) -> None:
        self._note_report()
        self._playout.handle_timer(now)
        frames = self._playout.frames_to_send()
        if frames and self._call.can_send:
            self._send(frames)
        while (event := self._playout.next_event()) is not None:
            self._events.append(event)
            self._change.notify()

    def _send(self, frames: list[OutgoingFrame]) -> None:
        for frame in frames:
            self._call.send_audio(
                frame.payload,
                duration=frame.duration,
                payload_type=frame.payload_type,
                has_marker=frame.has_marker,
                gap=frame.gap,
            )
        self.audio_out.made_room()

    def _note_flush(self, began: float) -> None:
        """The fade leaves with the batch that the transceiver has put into the loop before this."""
        asyncio.get_running_loop().call_soon(lambda: self._counters.flush.add(self._call.now - began))

    def _note_report(self) -> None:
        report = self._report
        received_at = None if report is None else report.received_at
        if report is not None and received_at is not None and received_at != self._reported_at:
            self._reported_at = received_at
            delay = self._live.delay
            self._counters.note_report(report, None if delay is None else delay.target)
            self._playout.note_report(
                report.round_trip_time, report.jitter or 0.0, report.packets_behind or 0, received_at
            )
