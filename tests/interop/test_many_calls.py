"""Many calls at once: one public UDP port, one socket at the transceiver, and everybody hears only themselves."""

from __future__ import annotations

import asyncio
import contextlib

import httpx

from .harness import deployed, relay_reading
from .lean_client import TOC, LeanClient
from .sockets import udp_ports

CALLS = 50
PACKETS = 100  # 2 s
WORKERS = 2


def payloads_of(call: int) -> list[bytes]:
    """Payloads that no other call and no other packet has."""
    return [TOC + f"call {call} packet {packet}".encode().ljust(60, b".") for packet in range(PACKETS)]


async def test_fifty_calls_share_one_port_and_each_gets_its_own_audio_back() -> None:
    """G8: one public port in the answers. A10: what the relay tells apart by address stays apart."""
    async with (
        deployed(workers=WORKERS) as deployment,
        httpx.AsyncClient(trust_env=False, timeout=20.0) as http,
        contextlib.AsyncExitStack() as sockets,
    ):
        clients = [sockets.enter_context(LeanClient()) for _ in range(CALLS)]
        await asyncio.gather(*(client.connect(http, deployment.whip_url) for client in clients))
        relay_ports = udp_ports(deployment.relay.pid)
        transceiver_ports = udp_ports(deployment.transceiver.pid)
        await asyncio.gather(*(client.speak(payloads_of(call)) for call, client in enumerate(clients)))
        await asyncio.gather(*(client.until_returned(PACKETS - 1) for client in clients))
        reading = await relay_reading(deployment)
        await asyncio.gather(*(client.hang_up(http) for client in clients))
    ports = deployment.ports
    upstream = [ports.upstream + worker for worker in range(WORKERS)]
    assert relay_ports == sorted([ports.public] * WORKERS + upstream)
    assert transceiver_ports == [ports.internal]
    assert reading.flows["confirmed"] == CALLS
    wrong = {}
    for call, client in enumerate(clients):
        expected = payloads_of(call)
        foreign = set(client.returned) - set(expected)
        missing = len(expected) - len(client.returned)
        if foreign or missing > PACKETS // 50:
            wrong[call] = (len(foreign), missing)
    assert wrong == {}
