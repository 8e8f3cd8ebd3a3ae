"""aiortc and Chromium talk with a voice application: each hears the other's tone, and lost packets are heard too."""

from __future__ import annotations

from collections import Counter

import aioice.ice
import pytest

from rtcsplit.media.frame import Fate

from .aiortc_peer import AiortcPeer
from .browser import BrowserPeer, chromium
from .tone_application import OUR_HERTZ, ToneApplication, served
from .tones import TONE_HERTZ, dominant_hertz


async def test_aiortc_and_an_application_hear_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    application = ToneApplication()
    async with served(application) as url, AiortcPeer(seconds=2.0).call(url) as peer:
        await peer.until_spoken()
        assert dominant_hertz(peer.heard(), 16_000) == pytest.approx(OUR_HERTZ, abs=5.0)
        assert application.heard_hertz() == pytest.approx(TONE_HERTZ, abs=5.0)


@pytest.mark.browser
async def test_chromium_sends_redundancy_that_makes_up_for_lost_packets() -> None:
    """F36: an unchanged browser sends RED because the answer asks for it; every tenth packet is lost, no frame is."""
    application = ToneApplication(is_lossy=True)
    async with served(application) as url, chromium() as browser, BrowserPeer.calling(browser, url) as peer:
        await peer.until_received(120)
        assert dominant_hertz(*await peer.heard()) == pytest.approx(OUR_HERTZ, abs=10.0)
        fates = Counter(frame.fate for frame in application.frames)
        assert set(application.payload_types) == {63}
        assert fates[Fate.COPIED] >= 8
        assert fates[Fate.CONCEALED] + fates[Fate.RECOVERED] <= 4
        assert application.heard_hertz() == pytest.approx(TONE_HERTZ, abs=10.0)
