"""The pages that begin in a browser: every block of the tutorial and of the clients' how-to runs as it is written."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from rtcsplit.cli.main import main
from rtcsplit.cli.web import serving
from rtcsplit.wire.address import Address
from tests.backends import until
from tests.processes import running

from .browser import chromium
from .npm import package
from .realtime_talk import SDK, talking

pytestmark = [pytest.mark.browser]

DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL = (DOCS / "tutorial" / "talking-bot.md").read_text()
HOW_TO = (DOCS / "how-to" / "use-openai-clients.md").read_text()
HEARD = """
() => {
    const element = document.getElementById("voice");
    if (!window.analyser && element.srcObject) {
        const context = new AudioContext();
        window.analyser = new AnalyserNode(context);
        new MediaStreamAudioSourceNode(context, {mediaStream: element.srcObject}).connect(analyser);
    }
    if (!window.analyser) return false;
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return samples.some((sample) => Math.abs(sample) > 0.05);
}
"""
MUTE = """
navigator.mediaDevices.getUserMedia = async () => {
    const context = new AudioContext();
    const output = new MediaStreamAudioDestinationNode(context);
    window.speak = (seconds) => {
        const oscillator = new OscillatorNode(context, {frequency: 300});
        oscillator.connect(output);
        oscillator.start();
        oscillator.stop(context.currentTime + seconds);
    };
    return output.stream;
};
"""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tutorial's directory, its ports chosen by the kernel."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng: apt-get install espeak-ng")
    (bot,), (toml,), (page,) = (blocks(TUTORIAL, language) for language in ("python", "toml", "html"))
    (tmp_path / "bot.py").write_text(bot)
    (tmp_path / "gateway.toml").write_text(toml.replace(":8080", ":0").replace('"http://localhost:8000"', '"*"'))
    (tmp_path / "call.html").write_text(page)
    return tmp_path


async def test_talking_bot_greets_is_interrupted_and_answers(folder: Path) -> None:
    site = Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
    with running("gateway", "--config", folder / "gateway.toml") as gateway:
        whip = f"http://{gateway.address('signaling')}/whip"
        async with serving("site", Address.of("127.0.0.1", 0), site) as origin, chromium() as browser:
            page = await browser.new_page()
            await page.add_init_script(MUTE)
            await page.route("http://127.0.0.1:8080/whip", lambda route: route.continue_(url=whip))
            await page.goto(f"http://{origin}/call.html")
            await page.get_by_role("button", name="Call").click()
            await page.wait_for_function(HEARD, timeout=30_000)
            await page.evaluate("() => speak(0.6)")
            lines = gateway.process.stdout
            assert lines is not None
            assert lines.readline() == "SegmentStarted(segment='1')\n"
            assert re.match(r"SegmentFinished\(segment='1', seconds=.*, is_interrupted=True\)", lines.readline())
            assert lines.readline() == "SegmentStarted(segment='2')\n"
            assert re.match(r"SegmentFinished\(segment='2', seconds=.*, is_interrupted=False\)", lines.readline())
            assert await page.locator("#state").text_content() == "connected"
        assert gateway.stop(signal.SIGINT)[0] == 0


def tools_of(updates: list[dict[str, Any]]) -> list[str]:
    """The names of the tools that sessions were given."""
    return [tool["name"] for update in updates for tool in update["session"].get("tools", [])]


def page_code() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for code in blocks(HOW_TO, "python"):
        exec(compile(code, "use-openai-clients.md", "exec"), names)
    return names


async def test_openai_clients_call_are_steered_and_hung_up() -> None:
    """The page's JavaScript and Python against relay, gateway and a scripted server."""
    bundle = package(*SDK) / "dist" / "bundle" / "openai-realtime-agents.umd.js"
    names = page_code()
    (script,) = blocks(HOW_TO, "js")
    async with talking("callByHand", bundle) as other:
        gateway, model = other.deployment.realtime_url.removesuffix("/v1/realtime"), other.model
        secret = await asyncio.to_thread(names["client_secret"], gateway, "standard")
        code = re.sub("import (.*?) from .*;", r"const \1 = OpenAIAgentsRealtime;", script)
        code = code.replace("https://voice.example.org", gateway)
        await other.page.evaluate(f"async (clientSecret) => {{ {code} window.session = session; }}", secret)
        assert model.of_type("session.update")[-1]["session"]["instructions"] == "Be brief."
        call_id = await other.page.evaluate("() => session.transport.callId")
        tools: list[dict[str, Any]] = []

        def run_tool(event: dict[str, Any]) -> str:
            tools.append(event)
            return "noon"

        steering = asyncio.create_task(names["steer"](gateway, "standard", call_id, run_tool))
        await until(lambda: "time" in tools_of(model.of_type("session.update")), 10.0)
        await model.say(type="response.function_call_arguments.done", event_id="event_1", call_id="call_1")
        answer = (await model.until("conversation.item.create"))["item"]
        assert answer == {"type": "function_call_output", "call_id": "call_1", "output": "noon"}
        await model.until("response.create")
        await asyncio.to_thread(names["hang_up"], gateway, "standard", call_id)
        await asyncio.wait_for(steering, 10)
        assert len(tools) == 1


def test_configurations_are_usable(folder: Path) -> None:
    config = folder / "clients.toml"
    (toml,) = blocks(HOW_TO, "toml")
    config.write_text(toml)
    for name in ("clients.toml", "gateway.toml"):
        result = CliRunner().invoke(main, ["gateway", "--check", "--config", str(folder / name)])
        assert (result.exit_code, result.stderr) == (0, "")


def test_bot_is_as_long_as_it_says() -> None:
    (bot,) = blocks(TUTORIAL, "python")
    assert 45 <= len(bot.splitlines()) <= 55
    assert json.dumps(bot).isascii()
