"""docs/how-to/write-a-voice-application.md: its code runs as written, on virtual time and behind HTTP."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtcsplit.gateway.voice_session import VoiceSession

from ..offers import stored
from ..voice_calls import VoiceDesk, encoded, heard_packets, speech

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-voice-application.md"


def page() -> dict[str, Any]:
    """Everything that the page's code defines."""
    names: dict[str, Any] = {"__name__": "page"}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(code, PAGE.name, "exec"), names)
    return names


async def test_the_conversation_greets_and_hears() -> None:
    names = page()
    heard: list[bytes] = []
    names["handle"] = heard.append
    desk = VoiceDesk(names["converse"])
    _, client = await desk.dial()
    await desk.run_for(1.3)
    assert len(heard_packets(client)) == 50 + 5
    await desk.speak(client, encoded(speech())[:5])
    assert {len(pcm) for pcm in heard} == {640}
    await desk.hang_up(client)


async def test_it_is_mounted_behind_http() -> None:
    app = page()["app"]
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://a.test") as http,
    ):
        headers = {"Content-Type": "application/sdp"}
        response = await http.post("/voice/whip", content=stored("chromium_audio"), headers=headers)
        assert response.status_code == 201


@pytest.mark.parametrize("is_interruption", [True, False], ids=["interruption", "cough"])
async def test_a_sound_of_the_caller_is_heard_out(is_interruption: bool) -> None:
    names = page()
    known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def handler(session: VoiceSession) -> None:
        await session.audio_out.write(bytes(32_000))
        await session.audio_out.end_segment()
        await names["hear_out"](session, known)
        await session.wait_closed()

    desk = VoiceDesk(handler)
    _, client = await desk.dial()
    await desk.run_for(0.5)
    assert desk.session.audio_out.is_paused
    assert len(heard_packets(client)) < 10
    known.set_result(is_interruption)
    await desk.run_for(2.0)
    assert not desk.session.audio_out.is_paused
    assert (len(heard_packets(client)) < 10) == is_interruption


async def test_speech_is_interrupted_followed_and_transcribed(capsys: pytest.CaptureFixture[str]) -> None:
    names = page()
    transcripts: list[bytes] = []

    async def handler(session: VoiceSession) -> None:
        async def transcribe() -> None:
            transcripts.append(await names["transcribe"](session))

        tasks = [asyncio.ensure_future(names["follow"](session)), asyncio.ensure_future(transcribe())]
        tasks.append(asyncio.ensure_future(names["say"](session.audio_out.begin_segment("a"), [bytes(96_000)] * 2)))
        await session.wait_closed()
        await asyncio.gather(*tasks)

    desk = VoiceDesk(handler)
    _, client = await desk.dial()
    await desk.run_for(0.5)
    session = desk.session
    assert names["barge_in"](session) == pytest.approx(0.52, abs=0.03)
    assert names["barge_in"](session) is None
    payloads = encoded(speech())[:10]
    await desk.speak(client, [*payloads[:5], *payloads[5:]])
    await desk.hang_up(client)
    assert len(transcripts[0]) == 10 * 640
    printed = capsys.readouterr().out
    assert "a begins to be sent" in printed
    assert "a was cut off after" in printed


async def test_the_receptionist_works(capsys: pytest.CaptureFixture[str]) -> None:
    names = page()
    desk = VoiceDesk(names["Receptionist"].serve)
    _, client = await desk.dial()
    await desk.run_for(1.5)
    await desk.speak(client, encoded(speech())[:5])
    await desk.hang_up(client)
    assert "SegmentFinished(segment='1', seconds=1.0, is_interrupted=False)" in capsys.readouterr().out
