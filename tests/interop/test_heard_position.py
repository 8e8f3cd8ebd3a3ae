"""What the playout takes for heard is what Chromium plays at that moment, by the pitch of a sweep."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from rtcsplit.cli.web import serving
from rtcsplit.gateway.voice import VoiceApplication
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from .browser import BrowserPeer, chromium

RATE = 24_000
SECONDS = 6
START_HERTZ, HERTZ_PER_SECOND = 500.0, 200.0
LOOPBACK = Address.of("127.0.0.1", 0)


async def sweep(session: VoiceSession) -> None:
    times = np.arange(SECONDS * RATE) / RATE
    phase = 2 * np.pi * (START_HERTZ * times + HERTZ_PER_SECOND / 2 * times**2)
    await session.audio_out.write((8_000 * np.sin(phase)).astype("<i2").tobytes())
    await session.wait_closed()


async def positions(session: VoiceSession, log: list[tuple[float, float]]) -> None:
    """Note what is heard every 5 ms, with Unix time."""
    while True:
        if (heard := session.audio_out.heard) is not None:
            log.append((time.time(), heard.seconds))
        await asyncio.sleep(0.005)


@pytest.mark.browser
async def test_heard_position_is_what_chromium_plays() -> None:
    """In the middle of all readings; the receiver's buffer adapts, and a report comes every few seconds only."""
    application = VoiceApplication(sweep, VoiceSettings(output_rate=RATE, has_transcript=False))
    log: list[tuple[float, float]] = []
    played: list[tuple[float, float]] = []
    async with chromium() as browser, Transceiver(TransceiverSettings(listen=LOOPBACK), application=application) as one:
        door = whip_application(one, WhipSettings(allow_anonymous=True))
        async with serving("test", LOOPBACK, door) as at, BrowserPeer.calling(browser, f"http://{at}/whip") as peer:
            [session] = application.sessions()
            watching = asyncio.ensure_future(positions(session, log))
            while session.audio_out.is_playing:
                await asyncio.sleep(0.1)
                now, samples, rate = await peer.heard_now()
                if np.abs(samples).max() > 0.05:
                    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 17))
                    hertz = float(spectrum.argmax()) * rate / (1 << 17)
                    played.append((now, (hertz - START_HERTZ) / HERTZ_PER_SECOND + len(samples) / 2 / rate))
            watching.cancel()
    await application.aclose()
    when, where = np.array(log).T
    errors = [float(np.interp(now, when, where)) - position for now, position in played]
    quartiles = ", ".join(f"{1000 * value:.0f}" for value in np.percentile(errors, (25, 50, 75)))
    print(f"\nheard position less what Chromium played, quartiles: {quartiles} ms")
    assert len(errors) > 20
    assert abs(float(np.median(errors))) < 0.25, "far beyond what is measured, for machines under load"
