"""Calls of browsers that last: through relay and transceiver none disconnects, and every check is answered."""

from __future__ import annotations

import asyncio

import pytest

from .browser import BrowserPeer, chromium
from .firefox import FirefoxPeer, firefox
from .harness import deployed

pytestmark = pytest.mark.browser

PACKETS_PER_SECOND = 50
CHECK_INTERVAL = 3.0  # seconds at most; Chromium takes 2.5 on a pair that works, and a little more


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "seconds", [20, pytest.param(600, marks=pytest.mark.soak)], ids=["twenty seconds", "ten minutes"]
)
async def test_a_call_stays_connected_and_its_checks_are_answered(seconds: int) -> None:
    """Consent is fresh all the time (RFC 7675), audio flows both ways, nothing is lost."""
    async with deployed() as running, chromium() as browser, BrowserPeer.calling(browser, running.whip_url) as peer:
        await peer.until_received(PACKETS_PER_SECOND)
        before = await peer.stats()
        await asyncio.sleep(seconds)
        stats = await peer.stats()
        pair, inbound, sent = stats["candidate-pair"], stats["inbound-rtp"], stats["outbound-rtp"]["packetsSent"]
        checks, answers = pair["requestsSent"], pair["responsesReceived"]
        received = inbound["packetsReceived"] - before["inbound-rtp"]["packetsReceived"]
        lost = inbound["packetsLost"]
        print(f"{seconds} s: {checks} checks, {answers} answers, {received} packets back, {lost} lost")
        assert await peer.states() == ["connecting", "connected"]
        assert checks >= seconds / CHECK_INTERVAL
        assert checks - answers <= 1  # the latest may be on its way
        assert received >= 0.97 * PACKETS_PER_SECOND * seconds
        assert lost <= 0.001 * sent
        assert stats["transport"]["selectedCandidatePairChanges"] == 1


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seconds", [10, pytest.param(600, marks=pytest.mark.soak)], ids=["ten seconds", "ten minutes"])
async def test_firefox_stays_connected(seconds: int) -> None:
    """C16: it checks every 4 to 6 s and does not say how often, but would disconnect without answers (RFC 7675)."""
    async with deployed() as running, firefox() as browser, FirefoxPeer.calling(browser, running.whip_url) as peer:
        await peer.until_received(PACKETS_PER_SECOND)
        before = await peer.stats()
        await asyncio.sleep(seconds)
        stats = await peer.stats()
        inbound, sent = stats["inbound-rtp"], stats["outbound-rtp"]["packetsSent"]
        received = inbound["packetsReceived"] - before["inbound-rtp"]["packetsReceived"]
        lasted = (inbound["timestamp"] - before["inbound-rtp"]["timestamp"]) / 1000
        print(f"Firefox, {lasted:.1f} s: {received} packets back, {inbound['packetsLost']} lost")
        assert set(await peer.states()) <= {"connecting", "connected"}
        assert stats["candidate-pair"]["state"] == "succeeded"
        assert received >= 0.97 * PACKETS_PER_SECOND * lasted
        assert inbound["packetsLost"] <= 0.001 * sent
