"""What the examples share: a transceiver in direct mode behind a WHIP endpoint, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

import uvicorn

from rtcsplit import Address, Transceiver, TransceiverSettings, VoiceApplication
from rtcsplit.signaling.whip import WhipSettings, whip_application

__all__ = ["serve"]


def serve(application: VoiceApplication) -> None:
    """Answer WHIP calls on loopback with ``application``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080, help="of HTTP; WHIP is at /whip")
    port = parser.parse_args().port
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(application, port))


async def _serve(application: VoiceApplication, port: int) -> None:
    settings = TransceiverSettings(listen=Address.of("127.0.0.1", 0))
    async with Transceiver(settings, application=application) as transceiver:
        signaling = whip_application(transceiver, WhipSettings(allow_anonymous=True))
        config = uvicorn.Config(signaling, host="127.0.0.1", port=port, log_level="info")
        await uvicorn.Server(config).serve()
    await application.aclose()
