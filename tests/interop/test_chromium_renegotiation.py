"""Chromium negotiates a call again while it lasts: hold, resume, data channels, video that is refused, ICE restart."""

from __future__ import annotations

import pytest

from rtcsplit.session.events import ChannelOpened
from rtcsplit.session.negotiation import Direction

from .browser import APPLY_ANSWER, CLOSE, IS_CONNECTED, MAKE_OFFER, chromium
from .channels import recording_transceiver
from .tones import TONE_HERTZ

pytestmark = [pytest.mark.browser]

OFFER_AGAIN = """
async () => {
    await call.connection.setLocalDescription();
    return call.connection.localDescription.sdp;
}
"""
HOLD = "() => { call.connection.getTransceivers()[0].direction = 'inactive'; }"
RESUME = "() => { call.connection.getTransceivers()[0].direction = 'sendrecv'; }"
ADD_CHANNEL = "() => { call.channel = call.connection.createDataChannel('later'); }"
ADD_VIDEO = "() => { call.connection.addTransceiver('video'); }"
RESTART = "() => { call.connection.restartIce(); }"
DIRECTION = "() => call.connection.getTransceivers()[0].currentDirection"
DTLS_STATES = "() => call.states"


async def test_a_page_changes_its_mind() -> None:
    """G24, G25, F23: each offer of an unchanged browser is answered in the same session and association."""
    async with chromium() as browser, recording_transceiver() as (recorder, transceiver, _):
        page = await browser.new_page()
        offer = await page.evaluate(MAKE_OFFER, {"hertz": TONE_HERTZ, "isRsa": False})
        accepted = await transceiver.accept(offer.encode())
        await page.evaluate(APPLY_ANSWER, accepted.answer)
        await page.wait_for_function(IS_CONNECTED, timeout=30_000)
        (call,) = transceiver.calls()
        keys = call.session.srtp

        async def renegotiate(script: str) -> str:
            await page.evaluate(script)
            again = await transceiver.renegotiate(call.call_id, (await page.evaluate(OFFER_AGAIN)).encode())
            assert again is not None
            await page.evaluate(APPLY_ANSWER, again.answer)
            return again.answer

        await renegotiate(HOLD)
        assert await page.evaluate(DIRECTION) == "inactive"
        await renegotiate(RESUME)
        await renegotiate(ADD_CHANNEL)
        await recorder.until(lambda: bool(recorder.of_type(ChannelOpened)))
        assert "m=video 0" in await renegotiate(ADD_VIDEO)
        await renegotiate(RESTART)
        ufrag = call.offers.local.ice.ufrag
        await recorder.until(lambda: call.ufrag == ufrag)
        seen = recorder.packets
        await recorder.until(lambda: recorder.packets >= seen + 10)
        assert call.audio is not None
        assert call.audio.direction is Direction.SENDRECV
        assert call.offers.local.version == 5
        assert call.session.srtp is keys
        assert set(await page.evaluate(DTLS_STATES)) <= {"connecting", "connected"}
        await page.evaluate(CLOSE)
