"""Voice applications on virtual time: audio in and out, barge-in, events, and how calls and handlers end."""

from __future__ import annotations

import asyncio
import itertools
import logging
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from rtcsplit.errors import CallEndedError, UsageError
from rtcsplit.gateway.audio_in import AudioFrame
from rtcsplit.gateway.audio_out import Speech
from rtcsplit.gateway.voice import VoiceHandler
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings
from rtcsplit.media.frame import Fate
from rtcsplit.media.playout_events import PlayoutEvent, PlayoutSettings, SegmentFinished, SegmentStarted
from rtcsplit.session.events import EndCause

from ..voice_calls import VoiceDesk, encoded, heard_audio, heard_packets, speech

ROOT = Path(__file__).parents[2]
LOUD = array("h", ([8000] * 24 + [-8000] * 24) * 500).tobytes()  # one second at 24 kHz, 500 Hz


async def listen_only(session: VoiceSession) -> None:
    async for _ in session.audio_in:
        pass


def loudness(samples: array[int]) -> float:
    return sum(map(abs, samples)) / max(1, len(samples))


async def test_an_application_hears_what_is_said() -> None:
    """Live and transcript, at their rates, from the first packet on; they end with the call."""
    live: list[AudioFrame] = []
    transcript: list[AudioFrame] = []

    async def handler(session: VoiceSession) -> None:
        async def transcribe() -> None:
            async for frame in session.audio_in.transcript:
                transcript.append(frame)

        task = asyncio.create_task(transcribe())
        async for frame in session.audio_in:
            live.append(frame)
        await task

    said = speech()[: 32_000 * 2]
    desk = VoiceDesk(handler, VoiceSettings(input_rate=24_000, transcript_rate=16_000))
    _, client = await desk.dial()
    await desk.speak(client, encoded(said))
    await desk.hang_up(client)
    received = [frame for frame in live if frame.fate is Fate.RECEIVED]
    assert len(received) == len(transcript) == 100
    assert {len(frame.pcm) for frame in live} == {960}
    assert {len(frame.pcm) for frame in transcript} == {640}
    assert [frame.media_time for frame in transcript] == pytest.approx([0.02 * n for n in range(100)])
    assert loudness(array("h", b"".join(f.pcm for f in transcript))) == pytest.approx(
        loudness(array("h", said)), rel=0.1
    )
    assert desk.application.sessions() == []


async def test_frames_may_be_had_as_they_came() -> None:
    """No decoder, no libopus: payloads for a backend that takes Opus."""
    frames: list[AudioFrame] = []

    async def handler(session: VoiceSession) -> None:
        async for frame in session.audio_in:
            frames.append(frame)

    desk = VoiceDesk(handler, VoiceSettings(input_rate=None, has_transcript=False))
    _, client = await desk.dial()
    payloads = encoded(speech())[:20]
    await desk.speak(client, payloads)
    with pytest.raises(UsageError):
        _ = desk.session.audio_in.transcript
    await desk.hang_up(client)
    received = [frame for frame in frames if frame.fate is Fate.RECEIVED]
    assert [frame.payload for frame in received] == payloads
    assert {(frame.pcm, frame.codec) for frame in received} == {(b"", "opus")}


async def test_speech_is_written_at_once_and_heard_in_time() -> None:
    """Two seconds written in one call: back-pressure holds the writer, the client gets 20 ms every 20 ms."""
    written_at: list[float] = []
    desk: VoiceDesk

    async def handler(session: VoiceSession) -> None:
        speech_out = session.audio_out.begin_segment("greeting")
        assert await speech_out.write(LOUD)
        assert await speech_out.write(LOUD)
        written_at.append(desk.desk.network.now)
        await speech_out.end()
        await session.wait_closed()

    desk = VoiceDesk(handler, VoiceSettings(playout=PlayoutSettings(capacity=1.0)))
    _, client = await desk.dial()
    began = desk.desk.network.now
    await desk.run_for(3.0)
    assert 0.9 < written_at[0] - began < 1.1
    arrivals = [at for at, datagram, _ in desk.desk.network.downlink if at >= began and 128 <= datagram[0] < 192]
    assert len(heard_packets(client)) == 100 + 5
    assert max(b - a for a, b in itertools.pairwise(arrivals)) < 0.1
    samples = heard_audio(client)
    assert loudness(samples[1600:30_000]) > 5000
    assert loudness(samples[-1000:]) < 50


async def test_barge_in_silences_within_a_frame_and_tells_what_was_heard() -> None:
    """Speech goes on being written by a task that has not noticed: none of it is heard."""
    desk: VoiceDesk
    cut: list[SegmentFinished | None] = []
    outcomes: list[bool] = []

    async def talk(out: Speech) -> None:
        for _ in range(20):
            outcomes.append(await out.write(LOUD))

    async def handler(session: VoiceSession) -> None:
        task = asyncio.create_task(talk(session.audio_out.begin_segment("answer")))
        async for _ in session.audio_in:  # the first sound of the peer
            cut.append(session.audio_out.flush())
            break
        await task
        await session.wait_closed()

    desk = VoiceDesk(handler, VoiceSettings(playout=PlayoutSettings(capacity=2.0)))
    _, client = await desk.dial()
    await desk.run_for(1.0)
    before = len(heard_packets(client))
    session = desk.session
    heard_before = session.audio_out.heard
    await desk.speak(client, encoded(speech())[:3])
    await desk.run_for(1.0)
    [finished] = cut
    assert finished is not None
    assert (finished.segment, finished.is_interrupted) == ("answer", True)
    assert heard_before is not None
    assert heard_before.segment == "answer"
    assert heard_before.seconds < finished.seconds < heard_before.seconds + 0.2
    assert len(heard_packets(client)) <= before + 2 + 1 + 5
    assert loudness(heard_audio(client)[-1600:]) < 50
    assert outcomes[-1] is False
    assert not session.audio_out.is_playing


async def test_events_tell_how_far_speech_has_got() -> None:
    events: list[PlayoutEvent] = []

    async def handler(session: VoiceSession) -> None:
        await session.audio_out.write(LOUD[:9600])
        await session.audio_out.end_segment()
        async for event in session:
            events.append(event)

    desk = VoiceDesk(handler)
    _, client = await desk.dial()
    await desk.run_for(1.0)
    assert events == [SegmentStarted("1"), SegmentFinished("1", pytest.approx(0.2), False)]  # type: ignore[arg-type]
    await desk.hang_up(client)
    assert desk.application._tasks == {}


async def test_an_odd_rate_is_converted_and_nothing_of_it_is_lost() -> None:
    async def handler(session: VoiceSession) -> None:
        await session.audio_out.write(array("h", [5000, -5000] * 22_050).tobytes())
        await session.audio_out.end_segment()
        await session.wait_closed()

    desk = VoiceDesk(handler, VoiceSettings(output_rate=44_100))
    _, client = await desk.dial()
    await desk.run_for(1.5)
    assert 50 + 5 <= len(heard_packets(client)) <= 51 + 5


async def test_a_handler_that_returns_ends_its_call() -> None:
    async def handler(session: VoiceSession) -> None:
        await session.audio_out.write(LOUD[:960])

    desk = VoiceDesk(handler)
    _, client = await desk.dial()
    await desk.run_for(0.2)
    assert client.is_closed_by_peer
    assert desk.application.sessions() == []


async def test_a_handler_that_raises_ends_its_own_call_only(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(session: VoiceSession) -> None:
        async for frame in session.audio_in:
            if frame.payload and frame.payload.endswith(b"poison"):
                raise RuntimeError("a bug of the application")

    desk = VoiceDesk(handler, VoiceSettings(input_rate=None))
    (_, healthy), (call, poisoned) = await desk.dial(), await desk.dial()
    with caplog.at_level(logging.ERROR):
        await desk.speak(poisoned, [b"\xf8" + bytes(9), b"\xf8poison"])
        await desk.run_for(0.2)
    assert poisoned.is_closed_by_peer
    assert not healthy.is_closed_by_peer
    [record] = [record for record in caplog.records if record.message == "handler_failed"]
    assert record.session == call.ufrag[:6]  # type: ignore[attr-defined]


async def test_writing_after_the_end_is_an_error_of_its_own() -> None:
    """A writer that waits for room is told when the call ends under it."""
    raised: list[BaseException] = []

    async def handler(session: VoiceSession) -> None:
        try:
            while True:
                await session.audio_out.write(LOUD)
        except CallEndedError as error:
            raised.append(error)
        with pytest.raises(CallEndedError):
            session.audio_out.begin_segment()
        assert await session.wait_closed() is EndCause.PEER_CLOSED

    desk = VoiceDesk(handler)
    _, client = await desk.dial()
    await desk.run_for(0.1)
    await desk.hang_up(client)
    assert len(raised) == 1
    assert desk.application._tasks == {}


async def test_a_handler_that_does_not_end_is_cancelled_after_its_grace() -> None:
    cancelled: list[bool] = []

    async def handler(session: VoiceSession) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.append(True)

    desk = VoiceDesk(handler, VoiceSettings(grace=0.0))
    _, client = await desk.dial()
    await desk.hang_up(client)
    assert cancelled == [True]


async def test_closing_the_application_cancels_every_handler() -> None:
    desk = VoiceDesk(listen_only)
    for _ in range(3):
        await desk.dial()
    assert len(desk.application._tasks) == 3
    await desk.application.aclose()
    assert desk.application._tasks == {}


async def test_a_slow_reader_loses_the_oldest_and_is_told() -> None:
    """Bounded: five seconds said, two kept, and the first of them says that something is missing."""
    frames: list[AudioFrame] = []
    reading = asyncio.Event()

    async def handler(session: VoiceSession) -> None:
        await reading.wait()
        async for frame in session.audio_in:
            frames.append(frame)

    desk = VoiceDesk(handler)
    _, client = await desk.dial()
    await desk.speak(client, encoded(speech())[:250])
    session = desk.session
    assert session.audio_in.seconds_waiting == pytest.approx(2.0, abs=0.021)
    assert session.audio_in.seconds_dropped == pytest.approx(250 * 0.02 - 2.0, abs=0.021)
    reading.set()
    await desk.turn()
    await desk.run_for(0.1)
    assert frames[0].is_gap
    assert not any(frame.is_gap for frame in frames[1:])
    assert frames[0].media_time > 2.9


async def test_being_cancelled_while_reading_loses_nothing() -> None:
    """asyncio.wait_for around the iterator: the next frame comes all the same."""
    frames: list[AudioFrame] = []

    async def handler(session: VoiceSession) -> None:
        while session.end_cause is None:
            task = asyncio.ensure_future(session.audio_in.__anext__())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if not task.done():
                task.cancel()
            try:
                frames.append(await task)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
            except StopAsyncIteration:
                return

    desk = VoiceDesk(handler, VoiceSettings(input_rate=None))
    _, client = await desk.dial()
    payloads = encoded(speech())[:30]
    await desk.speak(client, payloads)
    await desk.hang_up(client)
    assert [frame.payload for frame in frames if frame.payload] == payloads


async def test_two_readers_of_one_outlet_are_refused() -> None:
    desk = VoiceDesk(listen_only)
    await desk.dial()
    with pytest.raises(UsageError):
        await desk.session.audio_in.__anext__()


async def test_a_handler_class_is_called_for_what_happens() -> None:
    class Bot(VoiceHandler):
        seen: list[str] = []  # noqa: RUF012

        async def connected(self) -> None:
            self.seen.append("connected")
            await self.session.audio_out.write(LOUD[:9600])
            await self.session.audio_out.end_segment()

        async def audio_received(self, frame: AudioFrame) -> None:
            if frame.fate is Fate.RECEIVED:
                self.seen.append("audio")

        async def event_received(self, event: PlayoutEvent) -> None:
            self.seen.append(type(event).__name__)

        async def ended(self, cause: EndCause) -> None:
            self.seen.append(cause.value)

    desk = VoiceDesk(Bot.serve)
    _, client = await desk.dial()
    await desk.run_for(0.5)
    await desk.speak(client, encoded(speech())[:3])
    await desk.hang_up(client)
    played = ["SegmentStarted", "SegmentFinished"]
    assert Bot.seen == ["connected", *played, "audio", "audio", "audio", EndCause.PEER_CLOSED.value]


async def test_a_method_that_raises_cancels_the_others_and_ends_the_call(caplog: pytest.LogCaptureFixture) -> None:
    class Bot(VoiceHandler):
        async def connected(self) -> None:
            raise RuntimeError("a bug of the application")

    desk = VoiceDesk(Bot.serve)
    _, client = await desk.dial()
    await desk.run_for(0.2)
    assert client.is_closed_by_peer
    assert desk.application._tasks == {}
    assert "handler_failed" in caplog.text


async def test_frames_encoded_in_a_thread_are_the_same() -> None:
    heard = []
    for has_codec_thread in (False, True):

        async def handler(session: VoiceSession) -> None:
            await session.audio_out.write(LOUD)
            await session.audio_out.end_segment()
            await session.wait_closed()

        desk = VoiceDesk(handler, has_codec_thread=has_codec_thread)
        _, client = await desk.dial()
        await desk.run_for(0.5)
        desk.session.audio_out.flush()
        await desk.run_for(0.5)
        heard.append([packet.payload for packet in heard_packets(client)])
        await desk.application.aclose()
    assert heard[0] == heard[1]
    assert len(heard[0]) == 26 + 5


@pytest.mark.parametrize("library", ["soxr", "opuslib"])
def test_a_missing_library_stops_the_start_and_says_what_to_install(library: str) -> None:
    code = f"import sys; sys.modules[{library!r}] = None; import rtcsplit; rtcsplit.VoiceApplication(print)"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "MissingLibraryError" in outcome.stderr
    assert "pip install 'rtcsplit[" in outcome.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_rate": 96_000},
        {"output_rate": 4_000},
        {"minimum_delay": 0.3},
        {"patience": -1.0},
        {"live_backlog": 0.0},
        {"bitrate": 1},
        {"complexity": 11},
        {"grace": -1.0},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        VoiceSettings(**wrong)  # type: ignore[arg-type]
