"""What the interop tests call: a relay process and a transceiver process, started as an operator starts them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from rtcsplit.cli.demo.counters import RelayReading
from rtcsplit.cli.demo.deployment import Deployment, Settings

__all__ = ["PROFILES", "ROLES", "Profile", "deployed", "relay_reading"]


@dataclass(frozen=True, slots=True)
class Profile:
    """An SRTP profile by its names.

    Attributes:
        setting: in rtcsplit's configuration (RFC 5764, RFC 7714).
        openssl: in OpenSSL.
        browser: in RTCTransportStats.srtpCipher.
    """

    setting: str
    openssl: str
    browser: str


PROFILES = {
    "aes-cm": Profile("AES128_CM_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80", "SRTP_AES128_CM_HMAC_SHA1_80"),
    "aes-128-gcm": Profile("AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM"),
    "aes-256-gcm": Profile("AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM"),
}

# The transceiver's a=setup, and the DTLS role that it leaves to the peer (RFC 5763 section 5).
ROLES = {"active": "server", "passive": "client"}


@contextlib.asynccontextmanager
async def deployed(setup: str = "auto", profile: str | None = None, *, workers: int = 1) -> AsyncIterator[Deployment]:
    """A running deployment whose transceiver has that DTLS setup and that SRTP profile alone."""
    profiles = () if profile is None else (PROFILES[profile].setting,)
    async with Deployment(Settings(setup, profiles, workers)) as deployment:
        yield deployment


async def relay_reading(deployment: Deployment) -> RelayReading:
    """The relay's counters now."""
    async with httpx.AsyncClient(trust_env=False) as http:
        return await RelayReading.fetch(http, deployment.relay_metrics_url)
