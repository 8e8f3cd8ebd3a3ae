"""Calls of a voice application on virtual time: the network advances in steps, the handlers' tasks run in between."""

from __future__ import annotations

import asyncio
import itertools
import wave
from array import array
from collections.abc import Callable
from pathlib import Path

from rtcsplit.drops import DropReason
from rtcsplit.gateway.voice import Handler, VoiceApplication
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.gateway.voice_settings import VoiceSettings
from rtcsplit.media.opus import OpusDecoder, OpusEncoder
from rtcsplit.transceiver.call import Call
from rtcsplit.wire.rtp import RtpPacket, parse

from .calls import rtp
from .client_peer import ClientPeer
from .desk import Desk

SPEECH = Path(__file__).parents[1] / "rtcsplit" / "cli" / "demo" / "audio" / "speech.wav"
_TURNS = 20  # of the loop after each step: enough for every chain of tasks that a step sets off


class VoiceDesk:
    """A voice application behind a switchboard, and clients that call it."""

    def __init__(
        self, handler: Handler, settings: VoiceSettings | None = None, *, has_codec_thread: bool = False
    ) -> None:
        self.application = VoiceApplication(handler, settings, has_codec_thread=has_codec_thread)
        self.desk = Desk(self.application)
        self._numbers: dict[ClientPeer, itertools.count[int]] = {}

    async def dial(self) -> tuple[Call, ClientPeer]:
        call, client = self.desk.dial()
        self._numbers[client] = itertools.count(1)
        self.desk.connect(client)
        await self.turn()
        return call, client

    @property
    def session(self) -> VoiceSession:
        [session] = self.application.sessions()
        return session

    async def run_for(self, seconds: float, *, each: Callable[[], None] = lambda: None) -> None:
        """Advance in steps of 5 ms."""
        for _ in range(round(seconds / 0.005)):
            each()
            self.desk.network.run_for(0.005)
            await self.turn()

    async def speak(self, client: ClientPeer, payloads: list[bytes]) -> None:
        """Send one payload every 20 ms."""
        for payload in payloads:
            client.send_rtp(rtp(next(self._numbers[client]), payload))
            await self.run_for(0.02)

    async def turn(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self.desk.network.exchange()

    async def hang_up(self, client: ClientPeer) -> None:
        client.close(self.desk.network.now)
        await self.run_for(0.1)


def heard_packets(client: ClientPeer) -> list[RtpPacket]:
    packets = [parse(packet) for packet in client.received_rtp]
    assert not any(isinstance(packet, DropReason) for packet in packets)
    return packets  # type: ignore[return-value]


def heard_audio(client: ClientPeer, rate: int = 16_000) -> array[int]:
    """What a decoder makes of everything that a client received."""
    decoder = OpusDecoder(sample_rate=rate)
    return array("h", b"".join(decoder.decode(packet.payload) or b"" for packet in heard_packets(client)))


def speech(rate: int = 16_000) -> bytes:
    with wave.open(str(SPEECH)) as file:
        assert file.getframerate() == rate
        return file.readframes(file.getnframes())


def encoded(audio: bytes, rate: int = 16_000) -> list[bytes]:
    encoder = OpusEncoder(sample_rate=rate)
    size = rate // 50 * 2
    return [encoder.encode(audio[at : at + size]) for at in range(0, len(audio) - size + 1, size)]
