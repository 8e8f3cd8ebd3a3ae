"""aiortc calls through relay and transceiver: a tone comes back, in both DTLS roles, over each SRTP profile."""

from __future__ import annotations

import aioice.ice
import pytest

from rtcsplit.cli.demo.deployment import Deployment

from .aiortc_peer import AiortcPeer, rsa_certificate
from .aiortc_restart import restarted_ice
from .harness import PROFILES, ROLES, deployed, relay_reading
from .tones import RATE, TONE_HERTZ, dominant_hertz

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep aioice off the machine's other interfaces."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


async def test_tone_comes_back_through_the_relay(deployment: tuple[Deployment, str, str]) -> None:
    """D8, D9, E16: keys of both roles and every profile; C5, C6: the offer's candidates are not needed."""
    running, setup, profile = deployment
    async with AiortcPeer().call(running.whip_url) as peer:
        await peer.until_spoken()
        assert dominant_hertz(peer.heard(), RATE) == pytest.approx(TONE_HERTZ, abs=5.0)
        assert peer.selected_candidate == running.relay_address
        assert peer.srtp_profile == PROFILES[profile].openssl
        assert peer.dtls._role == ROLES[setup]
        sent, received = await peer.stats("outbound-rtp"), await peer.stats("inbound-rtp")
        assert sent.packetsSent >= 70
        assert received.packetsReceived >= 70
        assert received.packetsLost == 0
        assert (await relay_reading(running)).flows["confirmed"] >= 1


async def test_peer_with_rsa_certificate_connects(deployment: tuple[Deployment, str, str]) -> None:
    """D3: the suites include ECDHE_RSA, in both roles."""
    running, _, _ = deployment
    async with AiortcPeer(seconds=0.6, certificate=rsa_certificate()).call(running.whip_url) as peer:
        await peer.until_spoken()
        assert (await peer.stats("inbound-rtp")).packetsReceived > 0


@pytest.mark.parametrize("setup", ROLES)
async def test_a_restart_keeps_the_call_and_its_keys(setup: str) -> None:
    """C18, I6: in both DTLS roles; the tone goes on over another pair, nothing is lost, and no handshake follows."""
    async with deployed(setup) as running, AiortcPeer(seconds=3.0).call(running.whip_url) as peer:
        await peer.until_received(50)
        before = peer.dtls.transport._connection
        async with restarted_ice(peer) as ufrag:
            received = await peer.received()
            await peer.until_received(received + 50)
            assert peer.dtls.transport._connection.remote_username == ufrag != before.remote_username
            assert peer.dtls.state == "connected"
            assert (await peer.stats("inbound-rtp")).packetsLost == 0
            await peer.until_spoken()
            assert dominant_hertz(peer.heard(), RATE) == pytest.approx(TONE_HERTZ, abs=5.0)
