"""A transceiver that cannot be started leaves nothing, and one that is stopped ends whatever its calls are like."""

from __future__ import annotations

import os
import resource

import pytest

from rtcsplit.gateway.echo import Echo
from rtcsplit.session.session import Session
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from tests.offers import OFFER


def new_transceiver() -> Transceiver:
    return Transceiver(TransceiverSettings(Address.of("127.0.0.1", 0)), application=Echo())


def lowest_free_descriptor() -> int:
    free = os.dup(0)
    os.close(free)
    return free


async def test_a_start_without_descriptors_leaves_nothing_and_may_be_tried_again() -> None:
    """One descriptor is enough for the socket, and not for the pauses of asyncio's loop."""
    transceiver = new_transceiver()
    free = lowest_free_descriptor()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    try:
        with pytest.raises(OSError, match="open files"):
            await transceiver.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert lowest_free_descriptor() == free
    await transceiver.start()
    assert transceiver.address.port
    await transceiver.stop()
    assert lowest_free_descriptor() == free


async def test_a_call_that_cannot_be_closed_stops_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    free = lowest_free_descriptor()
    transceiver = new_transceiver()
    await transceiver.start()
    ended: list[int] = []
    for number in range(3):
        await transceiver.accept(OFFER.encode(), lambda number=number: ended.append(number))  # type: ignore[misc]
    broken, whole = transceiver.calls()[1].session, Session.close

    def close(self: Session, now: float, **more: object) -> None:
        if self is broken:
            raise RuntimeError("a fault of ours")
        whole(self, now, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "close", close)
    await transceiver.stop()
    await transceiver.stop()
    assert sorted(ended) == [0, 1, 2]
    assert lowest_free_descriptor() == free
