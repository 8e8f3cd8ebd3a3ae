"""ICE restarts of an aiortc call. aiortc has none, so a second agent of aioice takes over under its DTLS."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import aioice
import httpx

from .aiortc_peer import AiortcPeer

__all__ = ["restarted_ice"]


@contextlib.asynccontextmanager
async def restarted_ice(peer: AiortcPeer) -> AsyncIterator[str]:
    """Restart ICE by PATCH (RFC 9725 section 4.3.3); the value is the new remote ufrag, once its pair is nominated."""
    fresh, transport = aioice.Connection(ice_controlling=True), peer.dtls.transport
    await fresh.gather_candidates()
    answer = await _patched(peer, fresh)
    found = dict(re.findall(r"a=(ice-ufrag|ice-pwd):(\S+)", answer))
    fresh.remote_is_lite = True
    fresh.remote_username, fresh.remote_password = found["ice-ufrag"], found["ice-pwd"]
    for line in re.findall(r"a=candidate:(.*\S)", answer):
        await fresh.add_remote_candidate(aioice.Candidate.from_sdp(line))
    await fresh.add_remote_candidate(None)
    old, arrived = transport._connection, asyncio.Queue[bytes]()
    transport._recv = arrived.get
    await _released(old, arrived)
    pumps = [asyncio.ensure_future(_pump(connection, arrived)) for connection in (old, fresh)]
    try:
        await fresh.connect()
        transport._connection, transport._send = fresh, fresh.send
        yield found["ice-ufrag"]
    finally:
        for pump in pumps:
            pump.cancel()
        await old.close()


async def _patched(peer: AiortcPeer, fresh: aioice.Connection) -> str:
    mids = [transceiver.mid for transceiver in peer.connection.getTransceivers()]
    lines = ["m=audio 9 UDP/TLS/RTP/SAVPF 0", f"a=mid:{mids[0]}"]
    credentials = [f"a=ice-ufrag:{fresh.local_username}", f"a=ice-pwd:{fresh.local_password}"]
    headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
    async with httpx.AsyncClient(trust_env=False) as http:
        reply = await http.patch(peer.session_url, content="\r\n".join([*credentials, *lines, ""]), headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.text


async def _released(connection: aioice.Connection, arrived: asyncio.Queue[bytes]) -> None:
    """Return when aiortc's DTLS waits for what has arrived: at the connection it would wait for ever, unheard of us."""
    connection._queue.put_nowait((b"\0", 1))  # an octet that is nothing to DTLS, which then asks where to wait
    for _ in range(100):
        if arrived._getters:  # type: ignore[attr-defined]
            return
        await asyncio.sleep(0)
    raise AssertionError("nobody waited at the connection")


async def _pump(connection: aioice.Connection, arrived: asyncio.Queue[bytes]) -> None:
    while True:
        try:
            arrived.put_nowait(await connection.recv())
        except ConnectionError:
            await asyncio.sleep(0.01)
