"""Feedback of Chromium and ours: transport-wide as it offers it, NACK where its offer was changed to have that.

::

    page ---- LossyWay: loses what the test says ---- transceiver in this process, echo
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from rtcsplit.gateway.echo import Echo
from rtcsplit.media.statistics import RtpStatistics
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from .browser import APPLY_ANSWER, CLOSE, IS_CONNECTED, MAKE_OFFER, BrowserPeer, chromium
from .channels import LossyWay
from .tones import TONE_HERTZ, dominant_hertz

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PACKETS = 150  # 3 s
LOSS = 0.1
SET_OFFER = "await connection.setLocalDescription();"
SET_OFFER_WITH_NACK = """
    const offer = await connection.createOffer();
    offer.sdp = offer.sdp.replace("a=rtcp-fb:111 transport-cc", "a=rtcp-fb:111 transport-cc\\r\\na=rtcp-fb:111 nack");
    await connection.setLocalDescription(offer);
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@contextlib.asynccontextmanager
async def calling(browser: Browser, *, has_nack: bool) -> AsyncIterator[tuple[BrowserPeer, Call, LossyWay, str]]:
    """A page that is connected, its call, the way between them, and our answer."""
    way = LossyWay()
    settings = TransceiverSettings(Address.of("127.0.0.1", 0), advertise=(await way.start(),))
    page = await browser.new_page()
    try:
        async with Transceiver(settings, application=Echo()) as transceiver:
            way.server = (transceiver.address.host, transceiver.address.port)
            script = MAKE_OFFER.replace(SET_OFFER, SET_OFFER_WITH_NACK) if has_nack else MAKE_OFFER
            offer = await page.evaluate(script, {"hertz": TONE_HERTZ, "isRsa": False})
            accepted = await transceiver.accept(offer.encode())
            await page.evaluate(APPLY_ANSWER, accepted.answer)
            await page.wait_for_function(IS_CONNECTED, timeout=30_000)
            (call,) = transceiver.calls()
            async with httpx.AsyncClient() as http:  # of which no use is made: there is no signaling to end the call
                yield BrowserPeer(page, http, "", accepted.answer), call, way, accepted.answer
            await page.evaluate(CLOSE)
    finally:
        await page.close()
        way.stop()


def statistics(call: Call) -> RtpStatistics:
    assert call.statistics is not None
    return call.statistics


async def selected_pair(peer: BrowserPeer) -> dict[str, Any]:
    return (await peer.stats())["candidate-pair"]


async def test_chromium_takes_transport_wide_feedback(browser: Browser) -> None:
    """F30, F31: its estimate of the way leaves the 300 kbit/s that it begins with; its RTCP is whole."""
    async with calling(browser, has_nack=False) as (peer, call, _, answer):
        assert "a=rtcp-fb:111 transport-cc\r\n" in answer
        await peer.until_received(PACKETS)
        ours = statistics(call)
        assert 3 * 4 <= ours.transport_feedback_sent <= 3 * 20
        assert ours.rtcp_members_skipped == 0
        assert (await selected_pair(peer))["availableOutgoingBitrate"] != 300_000


async def test_lost_packets_are_asked_for_and_sent_again_both_ways(browser: Browser) -> None:
    """F27, F37: a tenth of all datagrams is lost; both sides ask, both send again, and the tone is whole."""
    async with calling(browser, has_nack=True) as (peer, call, way, answer):
        assert "a=rtcp-fb:111 nack\r\n" in answer
        await peer.until_received(10)
        way.share = LOSS
        await peer.until_received(PACKETS)
        way.share = 0.0
        await peer.until_received(PACKETS + 50)
        stats, ours = await peer.stats(), statistics(call)
        assert ours.nacks_sent > 0
        assert stats["outbound-rtp"]["nackCount"] > 0
        assert stats["outbound-rtp"]["retransmittedPacketsSent"] > 0
        assert ours.nacks_received > 0
        assert ours.packets_resent > 0
        assert ours.packets_lost < LOSS * ours.packets_received / 2
        assert dominant_hertz(*await peer.heard()) == pytest.approx(TONE_HERTZ, abs=10.0)
