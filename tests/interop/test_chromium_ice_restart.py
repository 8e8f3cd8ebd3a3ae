"""Chromium restarts ICE in the middle of a call: by PATCH, through relay and transceiver, in both DTLS roles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from rtcsplit.cli.demo.deployment import Deployment

from .browser import BrowserPeer, chromium
from .harness import ROLES, deployed
from .tones import TONE_HERTZ, dominant_hertz

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PACKETS_PER_SECOND = 50


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(ROLES))
async def deployment(request: pytest.FixtureRequest) -> AsyncIterator[Deployment]:
    async with deployed(request.param) as running:
        yield running


async def test_restart_keeps_the_call_and_its_keys(browser: Browser, deployment: Deployment) -> None:
    """C18, D25, I6: another pair is selected, nothing is lost, no handshake; the old ufrag's end disturbs nobody."""
    async with BrowserPeer.calling(browser, deployment.whip_url) as peer:
        await peer.until_received(PACKETS_PER_SECOND)
        before = await peer.stats()
        await peer.restart_ice()
        received = before["inbound-rtp"]["packetsReceived"]
        await peer.until_received(received + 5 * PACKETS_PER_SECOND)
        after = await peer.stats()
        assert await peer.states() == ["connecting", "connected"]
        assert after["local"]["usernameFragment"] != before["local"]["usernameFragment"]
        assert after["remote"]["usernameFragment"] != before["remote"]["usernameFragment"]
        assert after["inbound-rtp"]["packetsLost"] == 0
        assert after["transport"]["dtlsState"] == "connected"
        assert after["remote-inbound-rtp"]["packetsLost"] == 0
        assert dominant_hertz(*await peer.heard()) == pytest.approx(TONE_HERTZ, abs=10.0)


async def test_restarts_follow_each_other(browser: Browser, deployment: Deployment) -> None:
    """C18: each replaces the one before, whether that had taken over or not."""
    async with BrowserPeer.calling(browser, deployment.whip_url) as peer:
        await peer.until_received(10)
        seen = {(await peer.stats())["remote"]["usernameFragment"]}
        for pause in (0.0, 0.0, 1.5):
            await peer.restart_ice()
            await asyncio.sleep(pause)
        received = (await peer.stats())["inbound-rtp"]["packetsReceived"]
        await peer.until_received(received + 2 * PACKETS_PER_SECOND)
        after = await peer.stats()
        assert after["remote"]["usernameFragment"] not in seen
        assert after["inbound-rtp"]["packetsLost"] == 0
