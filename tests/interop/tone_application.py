"""A voice application that plays a tone and keeps what it hears, and a transceiver that serves it."""

from __future__ import annotations

import asyncio
import contextlib
import math
from array import array
from collections import Counter
from collections.abc import AsyncIterator

import numpy as np

from rtcsplit.cli.web import serving
from rtcsplit.gateway.audio_in import AudioFrame
from rtcsplit.gateway.voice import VoiceApplication
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings
from rtcsplit.session.sdp import LocalSetup
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from rtcsplit.wire.rtp import RtpPacket

from .tones import dominant_hertz

__all__ = ["OUR_HERTZ", "ToneApplication", "served"]

OUR_HERTZ = 440.0
RATE = 24_000
LOSS_EVERY = 10


class ToneApplication(VoiceApplication):
    """Plays a tone, keeps what it hears, and loses every tenth packet if it is told to."""

    def __init__(self, *, is_lossy: bool = False) -> None:
        super().__init__(self._converse, VoiceSettings(input_rate=16_000, output_rate=RATE, has_transcript=False))
        self.frames: list[AudioFrame] = []
        self.payload_types: Counter[int] = Counter()
        self._is_lossy = is_lossy

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        self.payload_types[packet.payload_type] += 1
        if not self._is_lossy or packet.sequence_number % LOSS_EVERY:
            super().packet_received(call, packet)

    def heard_hertz(self) -> float:
        """Of the last second."""
        audio = array("h", b"".join(frame.pcm for frame in self.frames))[-16_000:]
        return dominant_hertz(np.array(audio, dtype=np.float64), 16_000)

    async def _converse(self, session: VoiceSession) -> None:
        step = 2 * math.pi * OUR_HERTZ / RATE
        tone = array("h", (int(3000 * math.sin(step * n)) for n in range(RATE * 5)))
        playing = asyncio.ensure_future(session.audio_out.write(tone.tobytes()))
        async for frame in session.audio_in:
            self.frames.append(frame)
        await playing


@contextlib.asynccontextmanager
async def served(application: ToneApplication, setup: LocalSetup = "auto") -> AsyncIterator[str]:
    """A transceiver with that application and that DTLS setup; the value is its WHIP URL."""
    loopback = Address.of("127.0.0.1", 0)
    settings = TransceiverSettings(listen=loopback, dtls_setup=setup)
    async with Transceiver(settings, application=application) as transceiver:
        signaling = whip_application(transceiver, WhipSettings(allow_anonymous=True))
        async with serving("test", loopback, signaling) as bound:
            yield f"http://{bound}/whip"
    await application.aclose()
