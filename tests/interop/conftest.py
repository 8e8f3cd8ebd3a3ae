"""What the tests of several clients have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rtcsplit.cli.demo.deployment import Deployment

from .harness import PROFILES, ROLES, deployed


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[(setup, profile) for setup in ROLES for profile in PROFILES],
    ids=lambda pair: "-".join(pair),
)
async def deployment(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Deployment, str, str]]:
    """Relay and transceiver of each DTLS role and SRTP profile, with the names of these."""
    setup, profile = request.param
    async with deployed(setup, profile) as running:
        yield running, setup, profile
