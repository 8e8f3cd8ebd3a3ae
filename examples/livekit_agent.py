"""A LiveKit agent without a LiveKit server and without a network. Run: python -m examples.livekit_agent

    pip install 'rtcsplit[livekit]'

Its ears hear when somebody speaks and for how long, its mind says that back, its voice is a tone for each word: each
where a plugin of a real service would stand. WHIP is at http://127.0.0.1:8080/whip.
"""

from __future__ import annotations

import math
from array import array

from livekit import rtc
from livekit.agents import Agent, AgentSession, TurnHandlingOptions, llm, stt, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from examples.serving import serve
from rtcsplit import VoiceApplication, VoiceSession, VoiceSettings
from rtcsplit.adapters.livekit import converse

RATE = 24_000
LOUD = 600  # mean of the absolute samples: somebody speaks
PAUSE = 0.4  # seconds of quiet that end a turn
WORD = 0.2  # seconds
HERTZ = 440.0


def tone(seconds: float) -> bytes:
    """Return a tone, 16-bit mono."""
    step = 2 * math.pi * HERTZ / RATE
    return array("h", (int(6000 * math.sin(step * n)) for n in range(int(RATE * seconds)))).tobytes()


class Ears(stt.STT):
    """Speech to text that knows one word: how long somebody spoke."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, buffer, *, language=None, conn_options=DEFAULT_API_CONNECT_OPTIONS):  # type: ignore[no-untyped-def]
        raise NotImplementedError("it listens to streams")

    def stream(self, *, language=None, conn_options=DEFAULT_API_CONNECT_OPTIONS) -> Hearing:  # type: ignore[no-untyped-def]
        """Begin to listen."""
        return Hearing(stt=self, conn_options=conn_options)


class Hearing(stt.RecognizeStream):
    """One stream of frames."""

    async def _run(self) -> None:
        spoken, quiet = 0.0, 0.0
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                continue
            is_loud = sum(map(abs, frame.data)) / max(1, len(frame.data)) > LOUD
            if is_loud and not spoken:
                self._tell(stt.SpeechEventType.START_OF_SPEECH)
            quiet = 0.0 if is_loud else quiet + frame.duration
            spoken += frame.duration if is_loud else 0.0
            if spoken and quiet >= PAUSE:
                self._tell(stt.SpeechEventType.FINAL_TRANSCRIPT, f"{round(spoken, 1)} seconds")
                self._tell(stt.SpeechEventType.END_OF_SPEECH)
                spoken = 0.0

    def _tell(self, kind: stt.SpeechEventType, text: str = "") -> None:
        alternatives = [stt.SpeechData(language="en", text=text)] if text else []  # type: ignore[arg-type]
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=alternatives))


class Mind(llm.LLM):
    """Says back what it was told."""

    def chat(self, *, chat_ctx, tools=None, conn_options=DEFAULT_API_CONNECT_OPTIONS, **_):  # type: ignore[no-untyped-def]
        """Begin a reply."""
        return Thought(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Thought(llm.LLMStream):
    """One reply."""

    async def _run(self) -> None:
        said = [item.text_content for item in self._chat_ctx.items if item.type == "message" and item.role == "user"]
        delta = llm.ChoiceDelta(role="assistant", content=f"You spoke for {said[-1] if said else 'no time'}.")
        self._event_ch.send_nowait(llm.ChatChunk(id="reply", delta=delta))


class Mouth(tts.TTS):
    """Text to tones."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)

    def synthesize(self, text, *, conn_options=DEFAULT_API_CONNECT_OPTIONS):  # type: ignore[no-untyped-def]
        """Begin to speak."""
        return Utterance(tts=self, input_text=text, conn_options=conn_options)


class Utterance(tts.ChunkedStream):
    """One text."""

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="tones", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(tone(WORD * len(self._input_text.split())))
        output_emitter.flush()


class Greeter(Agent):
    """Speaks first."""

    def __init__(self) -> None:
        super().__init__(instructions="Say how long the caller spoke.")

    async def on_enter(self) -> None:
        """The session has begun."""
        self.session.say("Hello there, caller.")


def new_session() -> AgentSession:
    """Return a session of its own for a call."""
    handling = TurnHandlingOptions(turn_detection="stt")
    return AgentSession(stt=Ears(), llm=Mind(), tts=Mouth(), vad=None, turn_handling=handling)


async def answer(voice: VoiceSession) -> None:
    """One call."""
    await converse(voice, new_session(), Greeter())


APPLICATION = VoiceApplication(answer, VoiceSettings(output_rate=RATE, has_transcript=False))

if __name__ == "__main__":
    serve(APPLICATION)
