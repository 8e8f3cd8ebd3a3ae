"""A client's address changes while it speaks, through a relay's sockets and a transceiver's: see tests/faults."""

from __future__ import annotations

from ipaddress import ip_network

import httpx
import pytest

from rtcsplit.gateway.echo import Echo
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

from .lean_client import LeanClient

ANY = Address.of("127.0.0.1", 0)
LOOPBACK = ip_network("127.0.0.0/8")
ROUTE = Route(1, 1)
KEYS = RoutingKeys({1: bytes(range(32))}, 1)
PACKETS = 25
PAYLOADS = [b"\xf8" + bytes([number]) * 60 for number in range(PACKETS)]


@pytest.mark.parametrize("rescues", [True, False], ids=["on", "off"])
async def test_audio_goes_on_before_the_next_check(rescues: bool) -> None:
    """C25: three packets of the uplink are lost at most; with the switch off all are, until the check."""
    settings = RelaySettings(ANY, ANY, 2, (LOOPBACK,), confirmed_flows=4096, pins_workers=False, rescues_uplink=rescues)
    async with Relay(settings, KEYS, Directory()) as relay:
        there = TransceiverSettings(
            ANY, advertise=(relay.address,), route=ROUTE, relay_networks=(LOOPBACK,), rescues_uplink=rescues
        )
        async with Transceiver(there, application=Echo(), keys=KEYS) as transceiver:
            relay.replace_directory(Directory([DirectoryEntry(ROUTE, transceiver.address)]))
            application = whip_application(transceiver, WhipSettings(allow_anonymous=True))
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(application), base_url="http://calls.test"
            ) as http:
                with LeanClient() as client:
                    await client.connect(http, "http://calls.test/whip")
                    await client.speak(PAYLOADS)
                    await client.until_returned(PACKETS)
                    await client.rebind()
                    await client.speak(PAYLOADS)
                    (call,) = transceiver.calls()
                    assert call.statistics is not None
                    received = call.statistics.packets_received
                    rescued = transceiver.counters().packets_rescued
                    client.check()
                    await client.speak(PAYLOADS)
                    await client.until_returned(2 * PACKETS)
                    await client.hang_up(http)
    assert len(client.returned) >= 2 * PACKETS - 3  # downlink follows the check
    if rescues:
        assert received >= 2 * PACKETS - 3
        assert rescued >= PACKETS - 3
    else:
        assert (received, rescued) == (PACKETS, 0)
