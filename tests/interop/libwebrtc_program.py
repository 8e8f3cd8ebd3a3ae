"""A libwebrtc client as a program, since its field trials hold for a whole process: one echo call and one channel.

Arguments: the WHIP URL. The trials are in the environment (``WRTC_FIELD_TRIALS``). Prints what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

from .libwebrtc_peer import RATE, LibwebrtcPeer, until
from .tones import dominant_hertz

__all__: list[str] = []

PACKETS = 60


async def call(whip_url: str, wants_channel: bool) -> dict[str, object]:
    """Call, hear a second of tone, say and hear something on a channel if there are any."""
    async with LibwebrtcPeer.calling(whip_url, channel="chat" if wants_channel else None) as peer:
        await peer.until_received(PACKETS)
        if wants_channel:
            await until(lambda: bool(peer.messages))
        stats = await peer.stats()
        return {
            "hertz": dominant_hertz(peer.heard(), RATE),
            "tls_version": stats["transport"]["tls_version"],
            "lost": stats["inbound-rtp"]["packets_lost"],
            "messages": peer.messages,
            "offer": peer.connection.local_description.sdp,
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(call(sys.argv[1], "channel" in sys.argv[2:]))), flush=True)
