"""SNAP with libwebrtc's trial: the INITs are in SDP, and channels open without SCTP's handshake; else as ever."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from rtcsplit.cli.web import serving
from rtcsplit.drops import DropReason
from rtcsplit.gateway.echo import Echo
from rtcsplit.session.datachannel import DataChannels
from rtcsplit.session.events import ChannelEvent, MessageReceived
from rtcsplit.session.sctp_packet import ChunkType, Packet, parse_packet
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from .tones import TONE_HERTZ

pytest.importorskip("webrtc", reason="needs wrtc: pip install wrtc")

ROOT = Path(__file__).parents[2]
LOOPBACK = Address.of("127.0.0.1", 0)
HANDSHAKE = {ChunkType.INIT, ChunkType.INIT_ACK, ChunkType.COOKIE_ECHO, ChunkType.COOKIE_ACK}


class EchoAll(Echo):
    """Returns audio and messages."""

    def channel_event(self, call: Call, event: ChannelEvent) -> None:
        if isinstance(event, MessageReceived) and call.channels is not None:
            call.channels.send(event.channel_id, event.data)


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The types of all chunks that a peer has sent, from its first packet on."""
    seen: set[int] = set()
    receive = DataChannels.receive

    def noted(channels: DataChannels, octets: bytes, now: float) -> DropReason | None:
        packet = parse_packet(octets)
        if isinstance(packet, Packet):
            seen.update(chunk.type for chunk in packet.chunks)
        return receive(channels, octets, now)

    monkeypatch.setattr(DataChannels, "receive", noted)
    return seen


@pytest.mark.parametrize(
    ("has_snap", "setup"),
    [(True, "active"), (True, "passive"), (False, "active")],
    ids=["active", "passive", "refused"],
)
async def test_channels_open_without_a_handshake(has_snap: bool, setup: str, chunks: set[int]) -> None:
    """In both DTLS roles; a server without the switch answers as if nothing had been offered."""
    settings = TransceiverSettings(listen=LOOPBACK, dtls_setup=setup, has_snap=has_snap)  # type: ignore[arg-type]
    async with Transceiver(settings, application=EchoAll()) as transceiver:
        signaling = whip_application(transceiver, WhipSettings(allow_anonymous=True))
        async with serving("test", LOOPBACK, signaling) as bound:
            command = [sys.executable, "-m", "tests.interop.libwebrtc_program", f"http://{bound}/whip", "channel"]
            environment = {**os.environ, "WRTC_FIELD_TRIALS": "WebRTC-Sctp-Snap/Enabled/"}
            process = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    seen = json.loads(output)
    assert "a=sctp-init:" in seen["offer"]
    assert seen["messages"] == ["hello"]
    assert seen["hertz"] == pytest.approx(TONE_HERTZ, abs=5.0)
    assert bool(chunks & HANDSHAKE) == (not has_snap)
    assert ChunkType.DATA in chunks
