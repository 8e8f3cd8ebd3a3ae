"""Firefox calls through relay and transceiver, where it is installed: a tone comes back, in both DTLS roles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rtcsplit.cli.demo.deployment import Deployment
from rtcsplit.session.events import ChannelEvent, MessageReceived
from rtcsplit.transceiver.call import Call

from .firefox import TONE_HERTZ, TONE_LEVEL, Firefox, FirefoxPeer, firefox
from .harness import PROFILES, ROLES, deployed, relay_reading
from .page_channels import SAID, SEND, page_pair, summed
from .tone_application import ToneApplication, served

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PACKETS_PER_SECOND = 50


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Firefox]:
    async with firefox() as running:
        yield running


async def test_tone_comes_back_through_the_relay(browser: Firefox, deployment: tuple[Deployment, str, str]) -> None:
    """D8, D9, D10, E16: keys of both roles and every profile; its ClientHello comes in two datagrams."""
    running, setup, profile = deployment
    async with FirefoxPeer.calling(browser, running.whip_url) as peer:
        await peer.until_received(PACKETS_PER_SECOND)
        stats = await peer.stats()
        assert stats["inbound-rtp"]["audioLevel"] == pytest.approx(TONE_LEVEL, rel=0.2)
        assert stats["inbound-rtp"]["packetsLost"] == 0
        assert stats["outbound-rtp"]["packetsSent"] >= PACKETS_PER_SECOND
        assert f"{stats['remote']['address']}:{stats['remote']['port']}" == running.relay_address
        assert stats["transport"]["dtlsRole"] == ROLES[setup]
        assert stats["transport"]["srtpCipher"] == PROFILES[profile].browser
        assert (await relay_reading(running)).flows["confirmed"] >= 1


async def test_peer_with_rsa_certificate_connects(browser: Firefox, deployment: tuple[Deployment, str, str]) -> None:
    """D3: the suites include ECDHE_RSA, in both roles."""
    running, setup, _ = deployment
    async with FirefoxPeer.calling(browser, running.whip_url, is_rsa=True) as peer:
        await peer.until_received(10)
        cipher = (await peer.stats())["transport"]["dtlsCipher"]
        assert ("ECDHE_RSA" if ROLES[setup] == "server" else "ECDHE_ECDSA") in cipher  # it is the server's certificate


@pytest.mark.parametrize("setup", ROLES)
async def test_restarts_keep_the_call_and_its_keys(browser: Firefox, setup: str) -> None:
    """C18, D25, I6: two in a row; nothing is lost, no handshake; Firefox nominates in its first check alone."""
    async with deployed(setup) as running, FirefoxPeer.calling(browser, running.whip_url) as peer:
        await peer.until_received(PACKETS_PER_SECOND)
        before = await peer.stats()
        for _ in range(2):
            await peer.restart_ice()
            received = (await peer.stats())["inbound-rtp"]["packetsReceived"]
            await peer.until_received(received + 2 * PACKETS_PER_SECOND)
        received = (await peer.stats())["inbound-rtp"]["packetsReceived"]
        await peer.until_received(received + 4 * PACKETS_PER_SECOND)  # beyond the end of the old ufrag
        after = await peer.stats()
        for side in ("local", "remote"):
            assert after[side]["usernameFragment"] != before[side]["usernameFragment"]
        assert after["inbound-rtp"]["packetsLost"] == 0
        assert after["remote-inbound-rtp"]["packetsLost"] == 0
        assert after["transport"]["dtlsState"] == "connected"
        assert set(await peer.states()) <= {"connecting", "connected"}


async def test_firefox_and_an_application_hear_each_other(browser: Firefox) -> None:
    """What it says is heard as the tone that it is."""
    application = ToneApplication()
    async with served(application) as url, FirefoxPeer.calling(browser, url) as peer:
        await peer.until_received(PACKETS_PER_SECOND)
        await asyncio.wait_for(_heard(application), 10.0)
        assert application.heard_hertz() == pytest.approx(TONE_HERTZ, abs=10.0)
        assert (await peer.stats())["inbound-rtp"]["audioLevel"] > 0.05


@pytest.mark.parametrize("setup", ROLES)
async def test_channels_of_both_sides_carry_messages(browser: Firefox, setup: str) -> None:
    """H6, H7, H8: in each DTLS role; an echo of every kind of message, and a channel that we open."""
    async with page_pair(browser, setup) as both:

        def echo(call: Call, event: ChannelEvent) -> None:
            if isinstance(event, MessageReceived) and call.channels is not None:
                call.channels.send(event.channel_id, event.data)

        both.recorder.react = echo
        await both.connect(("theirs", {}))
        await both.page.evaluate(SEND, ["theirs", SAID])
        expected = [summed(value if isinstance(value, str) else bytes(value)) for value in SAID]
        assert await both.messages("theirs", len(SAID)) == expected
        assert both.call.channels is not None
        channel_id = both.call.channels.open("ours")
        both.call.channels.send(channel_id, "hello")
        assert await both.messages("ours", 1) == ["hello"]
        assert not both.transceiver.counters().drops


async def _heard(application: ToneApplication) -> None:
    while len(application.frames) < 2 * PACKETS_PER_SECOND:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
