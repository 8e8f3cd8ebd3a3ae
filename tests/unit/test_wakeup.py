"""The transceiver's one timer in the event loop."""

from __future__ import annotations

import asyncio
import time

from rtcsplit.transceiver.wakeup import Wakeup


class Bell:
    """Counts, and can be waited for."""

    def __init__(self) -> None:
        self.rung = 0
        self.has_rung = asyncio.Event()

    def __call__(self) -> None:
        self.rung += 1
        self.has_rung.set()


async def test_it_wakes_once() -> None:
    bell = Bell()
    wakeup = Wakeup(bell)
    wakeup.arm(time.monotonic())
    await asyncio.wait_for(bell.has_rung.wait(), 10)
    await asyncio.sleep(0.005)
    assert bell.rung == 1


async def test_an_earlier_time_takes_the_place_of_a_later_one() -> None:
    bell = Bell()
    wakeup = Wakeup(bell)
    wakeup.arm(time.monotonic() + 1000)
    wakeup.arm(time.monotonic() + 0.01)
    await asyncio.wait_for(bell.has_rung.wait(), 10)
    assert bell.rung == 1


async def test_a_later_time_and_none_change_nothing() -> None:
    bell = Bell()
    wakeup = Wakeup(bell)
    wakeup.arm(time.monotonic() + 0.01)
    wakeup.arm(time.monotonic() + 1000)
    wakeup.arm(None)
    await asyncio.wait_for(bell.has_rung.wait(), 10)


async def test_a_cancelled_one_does_not_wake() -> None:
    bell = Bell()
    wakeup = Wakeup(bell)
    wakeup.arm(time.monotonic())
    wakeup.cancel()
    wakeup.cancel()
    await asyncio.sleep(0.01)
    assert bell.rung == 0
