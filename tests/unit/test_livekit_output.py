"""LiveKit's audio output over a playout, on virtual time: each segment is finished exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytest.importorskip("livekit.agents", reason="needs livekit-agents: pip install 'rtcsplit[livekit]'")

from livekit import rtc

from rtcsplit.adapters.livekit import RtcsplitAudioInput, RtcsplitAudioOutput
from rtcsplit.errors import UsageError
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings

from ..voice_calls import VoiceDesk, encoded, heard_packets, speech

RATE = 24_000


def frame(seconds: float) -> rtc.AudioFrame:
    samples = round(seconds * RATE)
    return rtc.AudioFrame(speech()[: 2 * samples].ljust(2 * samples, b"\0"), RATE, 1, samples)


class Witness:
    """An output and what it reported."""

    def __init__(self, voice: VoiceSession) -> None:
        self.output = RtcsplitAudioOutput(voice)
        self.finished: list[Any] = []
        self.started: list[Any] = []
        self.output.on("playback_finished", self.finished.append)
        self.output.on("playback_started", self.started.append)


async def desk_with(script: Callable[[Witness], Awaitable[None]]) -> tuple[VoiceDesk, Any, list[Witness]]:
    """A call whose handler runs the script and then waits for the end of the call."""
    found: list[Witness] = []

    async def handle(voice: VoiceSession) -> None:
        found.append(Witness(voice))
        await script(found[0])
        await voice.wait_closed()
        await script(found[0])

    desk = VoiceDesk(handle, VoiceSettings(output_rate=RATE, has_transcript=False))
    _, client = await desk.dial()
    return desk, client, found


async def test_a_segment_is_started_and_finished_once() -> None:
    """Two frames, then flush: played to the end, reported when it was heard."""

    async def say(witness: Witness) -> None:
        if witness.finished:
            return
        await witness.output.capture_frame(frame(0.3))
        await witness.output.capture_frame(frame(0.2))
        witness.output.flush()

    desk, client, [witness] = await desk_with(say)
    await desk.run_for(1.0)
    [event] = witness.finished
    assert len(witness.started) == 1
    assert (event.playback_position, event.interrupted) == (pytest.approx(0.5, abs=0.001), False)
    assert len(heard_packets(client)) >= 25
    assert (await witness.output.wait_for_playout()) is event


async def test_a_cleared_segment_is_finished_at_once_and_takes_no_more() -> None:
    async def say(witness: Witness) -> None:
        if not witness.finished:
            await witness.output.capture_frame(frame(3.0))

    desk, client, [witness] = await desk_with(say)
    await desk.run_for(0.5)
    witness.output.clear_buffer()
    await desk.run_for(0.05)
    [event] = witness.finished
    assert event.interrupted
    assert 0.4 < event.playback_position < 0.6
    await witness.output.capture_frame(frame(1.0))  # of the segment that was cut off
    witness.output.flush()
    await desk.run_for(0.3)
    assert len(witness.finished) == 1
    count = len(heard_packets(client))
    await witness.output.capture_frame(frame(0.2))
    witness.output.flush()
    await desk.run_for(0.6)
    assert [event.interrupted for event in witness.finished] == [True, False]
    assert len(heard_packets(client)) > count


async def test_a_pause_holds_the_segment_and_its_end_comes_after_it() -> None:
    """LiveKit pauses while it finds out whether the caller interrupts (``resume_false_interruption``)."""

    async def say(witness: Witness) -> None:
        if not witness.finished:
            assert witness.output.can_pause
            await witness.output.capture_frame(frame(1.0))
            witness.output.flush()

    desk, client, [witness] = await desk_with(say)
    await desk.run_for(0.5)
    witness.output.pause()
    await desk.run_for(0.3)
    count = len(heard_packets(client))
    await desk.run_for(2.0)
    assert not witness.finished
    assert len(heard_packets(client)) == count
    witness.output.resume()
    await desk.run_for(1.0)
    [event] = witness.finished
    assert (event.playback_position, event.interrupted) == (pytest.approx(1.0, abs=0.001), False)
    assert len(witness.started) == 1


async def test_nothing_to_clear_is_nothing() -> None:
    async def say(witness: Witness) -> None:
        witness.output.clear_buffer()
        witness.output.flush()

    desk, client, [witness] = await desk_with(say)
    await desk.run_for(0.1)
    await desk.hang_up(client)
    assert not witness.finished


async def test_the_end_of_the_call_finishes_what_is_open() -> None:
    """What plays is finished as interrupted; so is what is captured and flushed after the end."""

    async def say(witness: Witness) -> None:
        await witness.output.capture_frame(frame(2.0))
        witness.output.flush()

    desk, client, [witness] = await desk_with(say)
    await desk.run_for(0.5)
    await desk.hang_up(client)
    assert [event.interrupted for event in witness.finished] == [True, True]
    unplayed, played = sorted(event.playback_position for event in witness.finished)
    assert unplayed == 0.0
    assert 0.2 < played < 0.6
    await asyncio.wait_for(witness.output.wait_for_playout(), 1)


async def test_the_input_gives_frames_and_ends_with_the_call() -> None:
    frames: list[rtc.AudioFrame] = []

    async def hear(voice: VoiceSession) -> None:
        async for found in RtcsplitAudioInput(voice):
            frames.append(found)
        frames.append(None)

    desk = VoiceDesk(hear, VoiceSettings(has_transcript=False))
    _, client = await desk.dial()
    await desk.speak(client, encoded(speech())[:10])
    await desk.run_for(0.2)
    await desk.hang_up(client)
    assert frames.pop() is None
    assert {(found.sample_rate, found.num_channels) for found in frames} == {(16_000, 1)}
    assert sum(found.duration for found in frames) == pytest.approx(0.2, abs=0.05)


async def test_encoded_audio_is_refused() -> None:
    caught: list[UsageError] = []

    async def hear(voice: VoiceSession) -> None:
        try:
            RtcsplitAudioInput(voice)
        except UsageError as error:
            caught.append(error)

    desk = VoiceDesk(hear, VoiceSettings(input_rate=None, has_transcript=False))
    await desk.dial()
    assert len(caught) == 1
