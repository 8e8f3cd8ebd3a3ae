"""The peer's audio: packets in, and two outlets out of it, one for promptness and one for completeness."""

from __future__ import annotations

from ..session.negotiation import AudioNegotiation
from ..wire.rtp import RtpPacket
from .frame import Step
from .frame_reader import FrameReader
from .jitter import JitterBuffer
from .transcript import TranscriptBuffer

__all__ = ["InboundAudio"]


class InboundAudio:
    """Reader, jitter buffer and transcript buffer of one call.

    After each call drain both outlets and ask for the timer again. Steps hold encoded frames; a
    :class:`~rtcsplit.media.decoding.FrameDecoder` per outlet makes audio of them.

    Args:
        negotiation: of the call's audio.
        live: None where nobody listens live.
        transcript: None where nobody transcribes.

    Attributes:
        late: packets whose frame the live outlet had given up.
        duplicates: packets whose frame had come before, as a copy.
    """

    def __init__(
        self, negotiation: AudioNegotiation, live: JitterBuffer | None, transcript: TranscriptBuffer | None
    ) -> None:
        self._reader = FrameReader(negotiation)
        self._live = live
        self._transcript = transcript
        self.late = self.duplicates = 0

    def receive(self, packet: RtpPacket, now: float) -> None:
        """Take an authentic packet, as ``RtpSession.receive_rtp`` returned it."""
        for frame in self._reader.read(packet, now):
            if self._live is not None and not self._live.receive(frame):
                if not frame.is_copy:
                    self._note_refused(is_there=self._live.has(frame))
                frame = frame._replace(is_late=True)  # or it is there already, then for the transcript too
            if self._transcript is not None:
                self._transcript.receive(frame)

    def _note_refused(self, *, is_there: bool) -> None:
        if is_there:
            self.duplicates += 1
        else:
            self.late += 1

    def live_steps(self, now: float) -> list[Step]:
        """Return what is due at the live outlet."""
        return [] if self._live is None else self._live.steps(now)

    def transcript_steps(self, now: float) -> list[Step]:
        """Return what is ready at the transcript outlet."""
        return [] if self._transcript is None else self._transcript.steps(now)

    def finish(self) -> list[Step]:
        """Return what the transcript outlet still holds: the call is over."""
        return [] if self._transcript is None else self._transcript.finish()

    def next_timer(self) -> float | None:
        """Return when there will be steps although no packet comes."""
        live = None if self._live is None else self._live.next_timer()
        transcript = None if self._transcript is None else self._transcript.next_timer()
        return transcript if live is None else live if transcript is None else min(live, transcript)
