"""Chromium calls through relay and transceiver: a tone comes back, in both DTLS roles, over each SRTP profile."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.async_api import Browser

from rtcsplit.cli.demo.deployment import Deployment

from .browser import BrowserPeer, chromium
from .harness import PROFILES, ROLES, relay_reading
from .tones import TONE_HERTZ, dominant_hertz

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PACKETS = 75  # 1.5 s: more than the analyser keeps


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def test_tone_comes_back_through_the_relay(browser: Browser, deployment: tuple[Deployment, str, str]) -> None:
    """D8, D9, E16: keys of both roles and every profile; C6: the candidates are mDNS names, if there are any."""
    running, setup, profile = deployment
    async with BrowserPeer.calling(browser, running.whip_url) as peer:
        await peer.until_received(PACKETS)
        assert dominant_hertz(*await peer.heard()) == pytest.approx(TONE_HERTZ, abs=10.0)
        stats = await peer.stats()
        assert f"{stats['remote']['address']}:{stats['remote']['port']}" == running.relay_address
        assert stats["transport"]["dtlsRole"] == ROLES[setup]
        assert stats["transport"]["srtpCipher"] == PROFILES[profile].browser
        assert stats["outbound-rtp"]["packetsSent"] >= PACKETS
        assert stats["inbound-rtp"]["packetsLost"] == 0
        assert (await relay_reading(running)).flows["confirmed"] >= 1


async def test_peer_with_rsa_certificate_connects(browser: Browser, deployment: tuple[Deployment, str, str]) -> None:
    """D3: the suites include ECDHE_RSA, in both roles."""
    running, _, _ = deployment
    async with BrowserPeer.calling(browser, running.whip_url, is_rsa=True) as peer:
        await peer.until_received(10)
        own = (await peer.stats())["own"]
        certificate = x509.load_der_x509_certificate(base64.b64decode(own["base64Certificate"]))
        assert isinstance(certificate.public_key(), rsa.RSAPublicKey)
