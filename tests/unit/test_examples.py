"""The examples do what they say, on virtual time; and each runs as a program that answers a call."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import subprocess
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from examples import echo, talk, tones
from rtcsplit.gateway.voice import VoiceApplication
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings

from ..offers import stored
from ..processes import free_port
from ..voice_calls import VoiceDesk, encoded, heard_audio, speech

ROOT = Path(__file__).parents[2]
SETTINGS_OF = {echo: 24_000, tones: 8_000, talk: 16_000}


def pressed(key: str, seconds: float) -> list[bytes]:
    row, column = next((r, line.index(key)) for r, line in enumerate(tones.KEYS) if key in line)
    pair = (tones.ROWS[row], tones.COLUMNS[column])
    steps = [2 * math.pi * hertz / 16_000 for hertz in pair]
    samples = (int(sum(5000 * math.sin(step * n) for step in steps)) for n in range(int(16_000 * seconds)))
    return encoded(array("h", samples).tobytes())


def settings(module: object) -> VoiceSettings:
    application = module.APPLICATION  # type: ignore[attr-defined]
    assert isinstance(application, VoiceApplication)
    return application._settings


async def test_the_echo_says_what_it_hears() -> None:
    desk = VoiceDesk(echo.echo, settings(echo))
    _, client = await desk.dial()
    said = speech()[: 2 * 16_000 * 2]
    await desk.speak(client, encoded(said))
    await desk.run_for(0.3)
    heard, original = heard_audio(client), array("h", said)
    best = max(sum(heard[shift + n] * original[n] for n in range(0, 16_000, 7)) for shift in range(640, 3200, 8))
    norm = math.sqrt(
        sum(original[n] ** 2 for n in range(0, 16_000, 7)) * sum(value**2 for value in heard[1000:17_000:7])
    )
    assert best / norm > 0.7


async def test_the_keypad_knows_its_keys_and_beeps() -> None:
    pads: list[tones.Keypad] = []

    class Pad(tones.Keypad):
        def __init__(self, session: VoiceSession) -> None:
            super().__init__(session)
            pads.append(self)

    desk = VoiceDesk(Pad.serve, settings(tones))
    _, client = await desk.dial()
    await desk.speak(client, encoded(speech())[:25])
    for key in "42#":
        await desk.speak(client, pressed(key, 0.2) + encoded(bytes(6400)))
    assert pads[0].keys == "42#"
    heard = heard_audio(client, 8_000)
    assert sum(tones.amplitude(heard[at : at + 160], 440) > 3000 for at in range(0, len(heard) - 160, 160)) >= 12


async def test_the_talker_falls_silent_when_somebody_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    talkers: list[talk.Talker] = []

    class Witnessed(talk.Talker):
        def __init__(self, session: VoiceSession) -> None:
            super().__init__(session)
            talkers.append(self)

    desk = VoiceDesk(Witnessed.serve, settings(talk))
    _, client = await desk.dial()
    await desk.speak(client, encoded(bytes(640 * 50)))
    loud = array("h", (int(12_000 * math.sin(n / 8)) for n in range(16_000 // 2))).tobytes()
    await desk.speak(client, encoded(loud))
    await desk.run_for(0.5)
    [interruption] = talkers[0].interruptions
    assert 1.0 < interruption.seconds < 1.5
    assert talk.loudness(heard_audio(client)[-1500:].tobytes()) < 20
    assert f"greeting interrupted after {interruption.seconds:.2f} s" in capsys.readouterr().out


async def test_the_talker_comes_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    desk = VoiceDesk(talk.Talker.serve, settings(talk))
    _, client = await desk.dial()
    await desk.run_for(8.0)
    assert "greeting finished after 7.50 s" in capsys.readouterr().out
    said, heard = array("h", talk.stored_speech()), heard_audio(client)
    assert talk.loudness(heard.tobytes()) == pytest.approx(talk.loudness(said.tobytes()), rel=0.1)


@pytest.mark.parametrize("name", ["echo", "tones", "talk"])
def test_each_example_answers_a_call(name: str) -> None:
    """As a program: a WHIP offer is answered, Ctrl-C ends it."""
    with running(name) as port:
        response = httpx.post(
            f"http://127.0.0.1:{port}/whip",
            content=stored("chromium_audio"),
            headers={"Content-Type": "application/sdp"},
        )
        assert response.status_code == 201
        assert "opus/48000/2" in response.text


def test_the_agent_of_livekit_answers_a_call() -> None:
    """As a program, like the others."""
    pytest.importorskip("livekit.agents", reason="needs livekit-agents: pip install 'rtcsplit[livekit]'")
    with running("livekit_agent") as port:
        offer, headers = stored("chromium_audio"), {"Content-Type": "application/sdp"}
        assert httpx.post(f"http://127.0.0.1:{port}/whip", content=offer, headers=headers).status_code == 201


def test_the_bot_of_pipecat_answers_a_call() -> None:
    """As a program: an offer as pipecat's clients send it is answered, Ctrl-C ends it."""
    pytest.importorskip("pipecat", reason="needs pipecat-ai: pip install 'rtcsplit[pipecat]', Python 3.11 or later")
    with running("pipecat_echo") as port:
        offer = {"sdp": stored("chromium_audio_datachannel").decode(), "type": "offer"}
        response = httpx.post(f"http://127.0.0.1:{port}/api/offer", json=offer)
        assert response.status_code == 200
        assert "webrtc-datachannel" in response.json()["sdp"]


@contextlib.contextmanager
def running(name: str) -> Iterator[int]:
    """The example as a program; the value is its port."""
    port = free_port(socket.SOCK_STREAM)
    command = [sys.executable, "-m", f"examples.{name}", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "Uvicorn running" in line:
                    break
            yield port
        finally:
            process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=20) == 0, rest
        assert "Traceback" not in rest
