"""What the examples share: a transceiver in direct mode behind an HTTP door, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette

from rtcsplit import Address, Transceiver, TransceiverSettings, VoiceApplication
from rtcsplit.signaling.small_webrtc import SmallWebRtcSettings, small_webrtc_application
from rtcsplit.signaling.whip import WhipSettings, whip_application

if TYPE_CHECKING:
    from rtcsplit.adapters.pipecat import PipecatApplication

__all__ = ["serve", "serve_pipecat"]

Door = Callable[[Transceiver], Starlette]


def serve(application: VoiceApplication) -> None:
    """Answer WHIP calls on loopback with ``application``; the endpoint is /whip."""
    _run(application, lambda transceiver: whip_application(transceiver, WhipSettings(allow_anonymous=True)))


def serve_pipecat(application: PipecatApplication) -> None:
    """Answer pipecat's clients on loopback with ``application``."""
    settings = SmallWebRtcSettings(allow_anonymous=True, cors_origins=("*",))
    _run(application, lambda transceiver: small_webrtc_application(transceiver, settings, application.opened))


def _run(application: VoiceApplication | PipecatApplication, door: Door) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080, help="of HTTP")
    port = parser.parse_args().port
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(application, port, door))


async def _serve(application: VoiceApplication | PipecatApplication, port: int, door: Door) -> None:
    settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
    async with Transceiver(settings, application=application) as transceiver:
        config = uvicorn.Config(door(transceiver), host="127.0.0.1", port=port, log_level="info")
        await uvicorn.Server(config).serve()
    await application.aclose()
