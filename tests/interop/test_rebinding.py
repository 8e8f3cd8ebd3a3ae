"""A NAT gives real clients another address in the middle of a call; tests/faults has every phase on virtual time.

::

    Chromium, Firefox, libwebrtc, aiortc ---> NAT ---> relay ---> transceiver
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Protocol

import aioice.ice
import pytest

from rtcsplit.cli.web import serving
from rtcsplit.drops import DropReason
from rtcsplit.gateway.echo import Echo
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.session.events import PathCause
from rtcsplit.signaling.whip import WhipSettings, whip_application
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from rtcsplit.wire.packet import Kind

from .aiortc_peer import AiortcPeer
from .browser import BrowserPeer, chromium
from .firefox import FirefoxPeer, firefox
from .libwebrtc_peer import LibwebrtcPeer, until
from .nat import Nat

ANY = Address.of("127.0.0.1", 0)
LOOPBACK = ip_network("127.0.0.0/8")
ROUTE = Route(1, 1)
KEYS = RoutingKeys({1: bytes(range(32))}, 1)
PACKETS_PER_SECOND = 50
SILENCE = 0.650  # seconds that the downlink may be away after the first check (C10)
LONG = pytest.mark.long


class Peer(Protocol):
    """A client in a call."""

    async def until_received(self, count: int, timeout: float = ...) -> None: ...


@asynccontextmanager
async def chromium_call(url: str) -> AsyncIterator[Peer]:
    async with chromium() as browser, BrowserPeer.calling(browser, url) as peer:
        yield peer
        assert await peer.states() == ["connecting", "connected"]


@asynccontextmanager
async def firefox_call(url: str) -> AsyncIterator[Peer]:
    async with firefox() as browser, FirefoxPeer.calling(browser, url) as peer:
        yield peer
        assert set(await peer.states()) <= {"connecting", "connected"}


@asynccontextmanager
async def aiortc_call(url: str) -> AsyncIterator[Peer]:
    async with AiortcPeer(seconds=60.0).call(url) as peer:
        yield peer
        assert peer.connection.connectionState == "connected"


@dataclass(frozen=True)
class Client:
    """How one calls, how many seconds it lets pass between two checks at most, and what moves its path."""

    call: Callable[[str], AbstractAsyncContextManager[Peer]]
    interval: float
    cause: PathCause


CLIENTS = {
    "Chromium": Client(chromium_call, 3.0, PathCause.NOMINATED),
    "Firefox": Client(firefox_call, 6.0, PathCause.REBOUND),
    "libwebrtc": Client(LibwebrtcPeer.calling, 3.0, PathCause.NOMINATED),
    "aiortc": Client(aiortc_call, 6.0, PathCause.REBOUND),
}


@asynccontextmanager
async def behind(nat: Nat, *, rescues: bool) -> AsyncIterator[tuple[Transceiver, str]]:
    """A relay and a transceiver whose answers name the NAT; the second value is the WHIP URL."""
    settings = RelaySettings(ANY, ANY, 1, (LOOPBACK,), confirmed_flows=4096, pins_workers=False, rescues_uplink=rescues)
    there = TransceiverSettings(
        ANY, advertise=(nat.address,), route=ROUTE, relay_networks=(LOOPBACK,), rescues_uplink=rescues
    )
    async with Relay(settings, KEYS, Directory()) as relay:
        nat.server = relay.address
        async with Transceiver(there, application=Echo(), keys=KEYS) as transceiver:
            relay.replace_directory(Directory([DirectoryEntry(ROUTE, transceiver.address)]))
            application = whip_application(transceiver, WhipSettings(allow_anonymous=True))
            async with serving("test", ANY, application) as bound:
                yield transceiver, f"http://{bound}/whip"


@pytest.mark.browser
@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize(
    ("rescues", "times"),
    [(False, 1), pytest.param(False, 5, marks=LONG), pytest.param(True, 5, marks=LONG)],
    ids=["once", "five times", "five times with uplink rescue"],
)
async def test_a_call_goes_on_at_its_new_address(
    client: Client, rescues: bool, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C10, C25: no handshake, no failure of SRTP; the long form also says how long it took, and what was lost."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    is_timed = times > 1
    with contextlib.closing(Nat()) as nat:
        async with behind(nat, rescues=rescues) as (transceiver, url), client.call(url) as peer:
            await peer.until_received(2 * PACKETS_PER_SECOND)
            (call,) = transceiver.calls()
            for _ in range(times):
                assert call.statistics is not None
                lost = call.statistics.packets_lost
                nat.rebind()
                await until(lambda: nat.heard_at is not None)
                await until_received(call, call.statistics.packets_received + PACKETS_PER_SECOND)
                assert nat.checked_at is not None
                assert nat.heard_at is not None
                lost = call.statistics.packets_lost - lost
                check, back = nat.checked_at - nat.rebound_at, nat.heard_at - nat.rebound_at
                print(f"check after {check:.2f} s, downlink back after {back:.2f} s, {lost} uplink packets lost")
                assert Kind.DTLS not in nat.kinds
                assert call.path is not None
                assert call.path.client == nat.outside[-1]
                if is_timed:
                    assert check <= client.interval
                    assert back <= max(check, SILENCE) + SILENCE
                    assert lost <= (3 if rescues else (check + 0.1) * PACKETS_PER_SECOND)
            assert transceiver.counters().path_changes[client.cause.value] >= times
            drops = transceiver.counters().drops
            assert not {DropReason.SRTP_AUTH_FAILED, DropReason.SRTP_REPLAYED, DropReason.SRTP_MALFORMED} & set(drops)


async def until_received(call: Call, count: int) -> None:
    await until(lambda: call.statistics is not None and call.statistics.packets_received >= count)
