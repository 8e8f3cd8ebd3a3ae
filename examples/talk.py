"""Talks until it is interrupted, and tells how much of it was heard. Run: python -m examples.talk

Its voice is a stored file; whether the caller speaks is judged by the loudness of what comes.
"""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

import rtcsplit
from examples.serving import serve
from rtcsplit import VoiceApplication, VoiceHandler, VoiceSession, VoiceSettings
from rtcsplit.gateway.audio_in import AudioFrame
from rtcsplit.media.playout_events import PlayoutEvent, SegmentFinished

VOICE = Path(rtcsplit.__file__).parent / "cli" / "demo" / "audio" / "speech.wav"
RATE = 16_000
LOUD = 600  # mean of the absolute samples: somebody speaks
FRAMES = 3  # in a row that have to be loud


def stored_speech() -> bytes:
    """Return the voice, 16-bit mono at 16 kHz."""
    with wave.open(str(VOICE)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return bytes(file.readframes(file.getnframes()))


def loudness(pcm: bytes) -> float:
    """Return the mean of the absolute samples."""
    samples = array("h", pcm)
    return sum(map(abs, samples)) / max(1, len(samples))


class Talker(VoiceHandler):
    """Says its piece again and again; falls silent when the caller speaks."""

    def __init__(self, session: VoiceSession) -> None:
        super().__init__(session)
        self.interruptions: list[SegmentFinished] = []
        self._loud = 0

    async def connected(self) -> None:
        """Speak. The whole piece is written as fast as the queue takes it."""
        speech = self.session.audio_out.begin_segment("greeting")
        if await speech.write(stored_speech()):
            await speech.end()

    async def audio_received(self, frame: AudioFrame) -> None:
        """Barge-in: three loud frames, and the voice is silent."""
        self._loud = self._loud + 1 if loudness(frame.pcm) > LOUD else 0
        if self._loud == FRAMES and self.session.audio_out.is_playing:
            finished = self.session.audio_out.flush()
            if finished is not None:
                self.interruptions.append(finished)

    async def event_received(self, event: PlayoutEvent) -> None:
        """Tell what was heard."""
        if isinstance(event, SegmentFinished):
            how = "interrupted" if event.is_interrupted else "finished"
            print(f"{event.segment} {how} after {event.seconds:.2f} s", flush=True)


APPLICATION = VoiceApplication(Talker.serve, VoiceSettings(input_rate=RATE, output_rate=RATE, has_transcript=False))

if __name__ == "__main__":
    serve(APPLICATION)
