"""The relay process is killed during a call and started again: the call goes on without signaling."""

from __future__ import annotations

import asyncio
import itertools

import aioice.ice
import httpx
import pytest

from rtcsplit.cli.demo.deployment import Deployment

from .aiortc_peer import AiortcPeer
from .browser import BrowserPeer, chromium
from .harness import deployed, relay_reading
from .lean_client import TOC, LeanClient

CHUNK = 25  # packets, 0.5 s
PACKETS = 50  # 1 s
REPORT_INTERVAL = 7.5  # RFC 3550 section 6.2: 5 s, times 0.5 to 1.5
CHECK_ANSWERED = 0.5


async def crash_and_restart(deployment: Deployment) -> None:
    await deployment.relay.kill()
    await deployment.relay.start()


async def speak_until(client: LeanClient, is_over: asyncio.Event) -> None:
    for first in itertools.count(step=CHUNK):
        if is_over.is_set():
            return
        await client.speak([TOC + f"packet {number}".encode() for number in range(first, first + CHUNK)])


@pytest.mark.parametrize(
    ("has_checks", "within"),
    [
        pytest.param(True, CHECK_ANSWERED, id="next-binding-request-rebuilds-the-flow"),
        pytest.param(False, REPORT_INTERVAL, id="downlink-report-rebuilds-the-flow"),
    ],
)
async def test_echo_goes_on_after_a_relay_crash(has_checks: bool, within: float) -> None:
    """A5: a fresh relay drops media without a flow, until a hint or a listed transceiver's media names the flow."""
    is_over = asyncio.Event()
    async with deployed() as deployment, httpx.AsyncClient(trust_env=False) as http:
        with LeanClient() as client:
            await client.connect(http, deployment.whip_url)
            speaking = asyncio.ensure_future(speak_until(client, is_over))
            await client.until_returned(PACKETS)
            await crash_and_restart(deployment)
            started_at = asyncio.get_running_loop().time()
            if has_checks:
                client.check()
            before = len(client.returned)
            await client.until_returned(before + PACKETS, within + 2.0)
            reading = await relay_reading(deployment)
            is_over.set()
            await speaking
            await client.hang_up(http)
    after = client.arrivals[before:]
    assert len(after) >= PACKETS, "the echo did not go on"
    assert after[0] - started_at < within
    assert reading.flows["confirmed"] == 1
    assert has_checks or reading.flow_events["recovered"] == 1


async def test_aiortc_stays_connected_over_a_relay_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    async with deployed() as deployment, AiortcPeer(seconds=20.0).call(deployment.whip_url) as peer:
        await peer.until_received(PACKETS)
        await crash_and_restart(deployment)
        before = await peer.received()
        await peer.until_received(before + PACKETS)
        assert peer.connection.connectionState == "connected"


@pytest.mark.browser
async def test_chromium_stays_connected_over_a_relay_crash() -> None:
    async with (
        deployed() as deployment,
        chromium() as browser,
        BrowserPeer.calling(browser, deployment.whip_url) as peer,
    ):
        await peer.until_received(PACKETS)
        await crash_and_restart(deployment)
        before = (await peer.stats())["inbound-rtp"]["packetsReceived"]
        await peer.until_received(before + PACKETS)
        assert (await peer.states())[-1] == "connected"
        assert "failed" not in await peer.states()
