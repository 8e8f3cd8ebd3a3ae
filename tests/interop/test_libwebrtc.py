"""libwebrtc (M152) calls through relay and transceiver, in both DTLS roles: audio, ICE restarts, an RSA certificate.

It offers DTLS 1.3 and takes 1.2.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from rtcsplit.cli.demo.deployment import Deployment
from rtcsplit.media.frame import Fate
from rtcsplit.session.sdp import LocalSetup

from .harness import ROLES, deployed, relay_reading
from .libwebrtc_peer import RATE, LibwebrtcPeer
from .tone_application import ToneApplication, served
from .tones import TONE_HERTZ, dominant_hertz

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACKETS_PER_SECOND = 50
DTLS_1_2 = "FEFD"
ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(ROLES))
async def deployment(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Deployment, str]]:
    async with deployed(request.param) as running:
        yield running, request.param


async def test_tone_comes_back_through_the_relay(deployment: tuple[Deployment, str]) -> None:
    """D8, D9, G21: keys in both roles; the client is capable of DTLS 1.3 and sends RED, which the answer prefers."""
    running, setup = deployment
    async with LibwebrtcPeer.calling(running.whip_url) as peer:
        await peer.until_received(2 * PACKETS_PER_SECOND)
        heard = peer.heard()
        assert np.abs(heard).mean() > 500
        assert dominant_hertz(heard, RATE) == pytest.approx(TONE_HERTZ, abs=5.0)
        stats = await peer.stats()
        assert f"{stats['remote']['address']}:{stats['remote']['port']}" == running.relay_address
        assert stats["transport"]["dtls_role"].value == ROLES[setup]
        assert stats["transport"]["tls_version"] == DTLS_1_2
        assert stats["inbound-rtp"]["packets_lost"] == 0
        assert (await relay_reading(running)).flows["confirmed"] >= 1


@pytest.mark.parametrize("setup", ROLES)
async def test_redundancy_makes_up_for_lost_packets(setup: LocalSetup) -> None:
    """F36: libwebrtc sends RED because the answer asks for it; every tenth packet is lost, hardly a frame is."""
    application = ToneApplication(is_lossy=True)
    async with served(application, setup) as url, LibwebrtcPeer.calling(url) as peer:
        assert (await peer.stats())["transport"]["dtls_role"].value == ROLES[setup]
        await peer.until_received(120)
        fates = Counter(frame.fate for frame in application.frames)
        assert set(application.payload_types) == {63}
        assert fates[Fate.COPIED] >= 8
        assert fates[Fate.CONCEALED] + fates[Fate.RECOVERED] <= 4
        assert application.heard_hertz() == pytest.approx(TONE_HERTZ, abs=10.0)


async def test_restarts_keep_the_call_and_its_keys(deployment: tuple[Deployment, str]) -> None:
    """C18, I6: two in a row; another pair is selected, nothing is lost, no handshake."""
    running, _ = deployment
    async with LibwebrtcPeer.calling(running.whip_url) as peer:
        await peer.until_received(PACKETS_PER_SECOND)
        before = await peer.stats()
        for _ in range(2):
            await peer.restart_ice()
        received = (await peer.stats())["inbound-rtp"]["packets_received"]
        await peer.until_received(received + 3 * PACKETS_PER_SECOND)
        after = await peer.stats()
        assert peer.states == ["connecting", "connected"]
        for side in ("local", "remote"):
            assert after[side]["username_fragment"] != before[side]["username_fragment"]
        assert after["inbound-rtp"]["packets_lost"] == 0
        assert after["remote-inbound-rtp"]["packets_lost"] == 0
        assert dominant_hertz(peer.heard(), RATE) == pytest.approx(TONE_HERTZ, abs=5.0)


@pytest.mark.parametrize("trial", ["WebRTC-IceHandshakeDtls", "WebRTC-EnableDtlsPqc"])
async def test_trials_of_the_first_flight_connect(deployment: tuple[Deployment, str], trial: str) -> None:
    """D10, B2: DTLS inside of STUN is not taken and does no harm; a post-quantum ClientHello comes in fragments."""
    running, _ = deployment
    command = [sys.executable, "-m", "tests.interop.libwebrtc_program", running.whip_url]
    environment = {**os.environ, "WRTC_FIELD_TRIALS": f"{trial}/Enabled/"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    seen = json.loads(output)
    assert seen["tls_version"] == DTLS_1_2
    assert seen["hertz"] == pytest.approx(TONE_HERTZ, abs=5.0)
    assert seen["lost"] == 0


async def test_peer_with_rsa_certificate_connects(deployment: tuple[Deployment, str]) -> None:
    """D3: the suites include ECDHE_RSA, in both roles."""
    running, _ = deployment
    async with LibwebrtcPeer.calling(running.whip_url, is_rsa=True) as peer:
        await peer.until_received(10)
        assert (await peer.stats())["transport"]["dtls_state"].value == "connected"
