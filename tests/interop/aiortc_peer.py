"""A call by aiortc, an independent full ICE agent: sends a tone, keeps what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urljoin

import httpx
import numpy as np
from aiortc import RTCCertificate, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import SRTPProtectionProfile
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from numpy.typing import NDArray
from OpenSSL import SSL

from rtcsplit.cli.demo.speech import Recording, SpeechTrack

from .tones import RATE, TONE_HERTZ, tone

__all__ = ["AiortcPeer", "rsa_certificate"]

CONNECT_TIMEOUT = 10.0
WARM_UP = 0.3  # seconds at the start of a recording, while codec and jitter buffer begin


class RsaCertificate(RTCCertificate):
    """An aiortc certificate with an RSA key, and the cipher suites that go with it."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
        return context


def rsa_certificate() -> RsaCertificate:
    """Return a self-signed RSA-2048 certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    return RsaCertificate(key=key, cert=builder.sign(key, hashes.SHA256()))  # type: ignore[arg-type]


class AiortcPeer:
    """One call that sends ``seconds`` of a tone.

    Args:
        hertz: of the tone.
        samples: what it sends instead, at ``RATE``.
        certificate: the peer's; a new one on P-256 unless given.

    Attributes:
        session_url: of the call, once it is answered.
    """

    def __init__(
        self,
        *,
        seconds: float = 1.5,
        hertz: float = TONE_HERTZ,
        samples: NDArray[np.int16] | None = None,
        certificate: RTCCertificate | None = None,
    ) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        if certificate is not None:
            self.connection._RTCPeerConnection__certificates = [certificate]  # type: ignore[attr-defined]
        self._track = SpeechTrack(tone(seconds, hertz) if samples is None else samples, RATE)
        self._recording = Recording()
        self._spoken = asyncio.Event()
        self.session_url = ""

    @contextlib.asynccontextmanager
    async def call(self, whip_url: str) -> AsyncIterator[AiortcPeer]:
        """Call and stay connected for the block; hang up by DELETE after it."""
        self.connection.addTrack(self._track)
        self._track.on("ended", self._spoken.set)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        async with httpx.AsyncClient(trust_env=False) as http:
            headers = {"Content-Type": "application/sdp"}
            reply = await http.post(whip_url, content=self.connection.localDescription.sdp, headers=headers)
            assert reply.status_code == 201, reply.text
            self.session_url = urljoin(whip_url, reply.headers["Location"])
            await self.connection.setRemoteDescription(RTCSessionDescription(reply.text, "answer"))
            recorder = asyncio.ensure_future(self._recording.record(self.connection.getReceivers()[0].track))
            try:
                await self._until_connected()
                yield self
                assert (await http.delete(self.session_url)).status_code == 200
            finally:
                await self.connection.close()
                await recorder

    async def until_spoken(self) -> None:
        """Return when the whole tone was sent."""
        await self._spoken.wait()

    async def received(self) -> int:
        """Packets that came back so far."""
        count: int = (await self.stats("inbound-rtp")).packetsReceived
        return count

    async def until_received(self, count: int, timeout: float = 30.0) -> None:
        """Return when that many packets have come back."""

        async def poll() -> None:
            while not any(  # noqa: ASYNC110  # getStats has no event to wait for
                report.type == "inbound-rtp" and report.packetsReceived >= count
                for report in (await self.connection.getStats()).values()
            ):
                await asyncio.sleep(0.05)

        await asyncio.wait_for(poll(), timeout)

    def heard(self) -> NDArray[np.float64]:
        """What came back, without its first moments, at the rate of the tone."""
        return self._recording.samples(RATE)[round(WARM_UP * RATE) :]

    @property
    def dtls(self) -> Any:
        """aiortc's DTLS transport."""
        return self.connection.getSenders()[0].transport

    @property
    def srtp_profile(self) -> str:
        """OpenSSL's name of the negotiated SRTP profile."""
        name: bytes = self.dtls._ssl.get_selected_srtp_profile()
        return name.decode()

    @property
    def selected_candidate(self) -> str:
        """The remote candidate of the nominated pair, ``host:port``."""
        return "{}:{}".format(*self.dtls.transport._connection._nominated[1].remote_addr)

    async def stats(self, kind: str) -> Any:
        """The report of that type from getStats."""
        return next(report for report in (await self.connection.getStats()).values() if report.type == kind)

    async def _until_connected(self) -> None:
        connected = asyncio.Event()
        if self.connection.connectionState == "connected":
            return
        self.connection.on(
            "connectionstatechange",
            lambda: connected.set() if self.connection.connectionState in ("connected", "failed") else None,
        )
        await asyncio.wait_for(connected.wait(), CONNECT_TIMEOUT)
        assert self.connection.connectionState == "connected"
