"""The door of a transceiver: caps, and drains with deadline and undo."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from rtcsplit.errors import OverloadError
from rtcsplit.gateway.echo import Echo
from rtcsplit.transceiver.admission import Admission, DrainOutcome, OfferRefusal
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from tests.offers import OFFER

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "drain-a-transceiver.md"


def refused(admission: Admission, sessions: int, half_open: int) -> bool:
    try:
        admission.admit(sessions, half_open)
    except OverloadError:
        return True
    return False


@pytest.mark.parametrize(
    ("sessions", "half_open", "reason"),
    [
        (9, 2, None),
        (10, 0, OfferRefusal.FULL),
        (11, 0, OfferRefusal.FULL),
        (9, 3, OfferRefusal.HALF_OPEN),
        (10, 3, OfferRefusal.FULL),
    ],
)
def test_caps_hold_and_what_they_refuse_is_counted(sessions: int, half_open: int, reason: OfferRefusal | None) -> None:
    """D18, I10: n-1 and n for each cap."""
    admission = Admission(10, 3)
    assert refused(admission, sessions, half_open) is (reason is not None)
    assert admission.refused == ({reason: 1} if reason else {})


async def test_a_drain_ends_with_the_last_session() -> None:
    """I11: every offer is refused from the first moment on, and after the end."""
    admission = Admission(10, 3)
    drain = asyncio.create_task(admission.drain(2, 60.0))
    await asyncio.sleep(0)
    assert admission.is_draining
    assert refused(admission, 2, 0)
    admission.left(1)
    await asyncio.sleep(0)
    assert not drain.done()
    admission.left(0)
    assert await drain is DrainOutcome.EMPTY
    assert refused(admission, 0, 0)
    assert admission.refused == {OfferRefusal.DRAINING: 2}


async def test_a_drain_without_sessions_is_over_at_once() -> None:
    assert await Admission(10, 3).drain(0, 60.0) is DrainOutcome.EMPTY


async def test_the_deadline_ends_the_wait_and_not_the_drain() -> None:
    """I11, T29."""
    admission = Admission(10, 3)
    assert await admission.drain(1, 0.0) is DrainOutcome.DEADLINE
    assert refused(admission, 1, 0)
    again = asyncio.create_task(admission.drain(1, 60.0))
    await asyncio.sleep(0)
    admission.left(0)
    assert await again is DrainOutcome.EMPTY


async def test_undo_lets_offers_in_again() -> None:
    """T29: whoever waits hears of it, and the next drain is a new one."""
    admission = Admission(10, 3)
    waiting = [asyncio.create_task(admission.drain(1, 60.0)) for _ in range(2)]
    await asyncio.sleep(0)
    admission.undo()
    admission.undo()
    assert not admission.is_draining
    assert not refused(admission, 1, 0)
    assert [await drain for drain in waiting] == [DrainOutcome.UNDONE] * 2
    admission.left(0)
    assert not admission.is_draining
    assert await admission.drain(0, 60.0) is DrainOutcome.EMPTY
    admission.undo()
    assert not refused(admission, 0, 0)


async def test_cancelling_the_wait_leaves_the_drain() -> None:
    admission = Admission(10, 3)
    drain = asyncio.create_task(admission.drain(1, 60.0))
    await asyncio.sleep(0)
    drain.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drain
    assert admission.is_draining


async def test_how_to_drain_runs_as_written() -> None:
    """docs/how-to/drain-a-transceiver.md."""
    (code,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "drain"}
    exec(compile(code, HOW_TO.name, "exec"), names)
    async with Transceiver(TransceiverSettings(Address.of("127.0.0.1", 0)), application=Echo()) as transceiver:
        accepted = await transceiver.accept(OFFER.encode())
        retiring = asyncio.create_task(names["retire"](transceiver))
        await asyncio.sleep(0)
        transceiver.undo_drain()
        await retiring
        assert len(transceiver.calls()) == 1
        retiring = asyncio.create_task(names["retire"](transceiver))
        await asyncio.sleep(0)
        await transceiver.close(accepted.call_id)
        await retiring
        assert transceiver.counters().ended
