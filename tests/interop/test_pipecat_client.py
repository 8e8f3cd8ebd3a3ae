"""pipecat's own JavaScript client in Chromium, from npm, talks with a pipeline on our transport."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="needs pipecat-ai: pip install 'rtcsplit[pipecat]', Python 3.11 or later")

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from examples import pipecat_echo
from rtcsplit.adapters.pipecat import PipecatApplication
from rtcsplit.cli.web import serving
from rtcsplit.signaling.small_webrtc import SmallWebRtcSettings, small_webrtc_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver

from .browser import chromium
from .npm import package
from .pipecat_bot import LOOPBACK, Bot
from .tones import TONE_HERTZ, dominant_hertz

pytestmark = pytest.mark.browser

PACKAGES = [
    ("esbuild", "0.28.2"),
    ("@pipecat-ai/client-js", "1.13.1"),
    ("@pipecat-ai/small-webrtc-transport", "1.10.8"),
]
PAGE = Path(__file__).parent / "pipecat_page.js"
RATE = 48_000
IS_HEARD = "() => call.samples().some((sample) => Math.abs(sample) > 0.01)"


async def bundle() -> str:
    """The page with the client, as one script."""
    if shutil.which("node") is None:
        pytest.skip("needs node: apt-get install nodejs")
    folders = [package(name, version) for name, version in PACKAGES]
    command = [str(folders[0] / "bin" / "esbuild"), str(PAGE), "--bundle", "--format=iife", "--log-level=error"]
    environment = {**os.environ, "NODE_PATH": str(folders[0].parent)}
    process = await asyncio.create_subprocess_exec("node", *command, env=environment, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_pipecats_client_starts_talks_and_is_left() -> None:
    """It starts a session, offers with video that is refused, gets ready, hears itself, and learns of the bot's end."""
    script = await bundle()
    bot = Bot(pipecat_echo.Echo)
    application = PipecatApplication(bot.run)
    async with Transceiver(TransceiverSettings(listen=LOOPBACK), application=application) as transceiver:
        door = small_webrtc_application(transceiver, SmallWebRtcSettings(allow_anonymous=True), application.opened)
        page_route = Route("/page", lambda request: HTMLResponse("<!doctype html><title>client</title>"))
        served = Starlette(routes=[page_route, Mount("/", door)])
        async with serving("test", LOOPBACK, served) as bound, chromium() as browser:
            page = await browser.new_page()
            await page.goto(f"http://{bound}/page")
            await page.add_script_tag(content=script)
            await asyncio.wait_for(page.evaluate("() => call.begin()"), 30)
            assert await page.evaluate("() => call.states.at(-1)") == "ready"
            await page.wait_for_function(
                "() => call.samples().some((sample) => Math.abs(sample) > 0.01)", timeout=20_000
            )
            await asyncio.sleep(1.0)  # more than the analyser keeps
            heard = np.asarray(await page.evaluate("() => call.samples()"))
            assert dominant_hertz(heard, RATE) == pytest.approx(TONE_HERTZ, abs=10.0)
            await page.evaluate("() => call.say({text: 'hello'})")
            await page.evaluate("() => call.client.disconnect()")
            await asyncio.wait_for(bot.finished.wait(), 15)
    await application.aclose()
    assert bot.request_data == {"name": "Ada"}
    assert bot.told == ["connected", "disconnected"]
    assert [message["type"] for message in bot.messages] == ["client-ready", "client-message"]
