"""A call of a Chromium page through relay and gateway to a scripted Realtime server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from rtcsplit.cli.demo.deployment import Deployment, Settings
from rtcsplit.cli.web import serving
from rtcsplit.wire.address import Address
from tests.backends import backend
from tests.realtime_model import Model

from .browser import chromium

__all__ = ["SDK", "Talk", "talking"]

SDK = ("@openai/agents-realtime", "0.20.0")
PAGE = Path(__file__).with_name("realtime_page.js")
KEY = {"Authorization": "Bearer standard"}


@dataclass
class Talk:
    """One call of a page, and what is around it.

    Attributes:
        page: that made it.
        model: answers it.
        deployment: in between.
        call_id: as the page knows it.
    """

    page: Page
    model: Model
    deployment: Deployment
    call_id: str

    async def send(self, **event: Any) -> None:
        await self.page.evaluate("(event) => call.send(event)", event)

    async def of_type(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.page.evaluate("(t) => call.events.filter(e => e.type == t)", kind)
        return found

    async def until(self, kind: str) -> dict[str, Any]:
        await self.page.wait_for_function("(t) => call.events.some(e => e.type == t)", arg=kind, timeout=30_000)
        return (await self.of_type(kind))[-1]

    async def until_heard(self) -> None:
        await self.page.wait_for_function("() => call.blocks.some(block => Math.abs(block[0]) > 0.1)")

    async def recording(self) -> NDArray[np.float64]:
        """Everything that was heard, at 48 kHz."""
        text = await self.page.evaluate("() => call.blocks.map(block => [...block].map(x => Math.round(x * 999)))")
        return np.concatenate([np.array(block, dtype=float) for block in text]) / 999


@contextlib.asynccontextmanager
async def talking(how: str, bundle: Path | None = None) -> AsyncIterator[Talk]:
    """A call that stands, made by ``callByHand`` or ``callBySdk``."""
    model = Model()
    site = Starlette(routes=[Route("/", lambda request: HTMLResponse("<p>page"))])
    async with (
        backend(model) as url,
        Deployment(Settings(backend_url=url, token="standard")) as deployment,
        serving("site", Address.of("127.0.0.1", 0), site) as origin,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await page.goto(f"http://{origin}/")
        for script in (PAGE, bundle):
            if script is not None:
                await page.add_script_tag(path=script)
        base = deployment.realtime_url
        secret = await page.request.post(f"{base}/client_secrets", headers=KEY, data={"session": {"voice": "a"}})
        arguments = {"url": f"{base}/calls", "secret": (await secret.json())["value"]}
        call_id = await page.evaluate(f"(arguments) => {how}(arguments)", arguments)
        assert call_id.startswith("rtc_")
        yield Talk(page, model, deployment, call_id)
