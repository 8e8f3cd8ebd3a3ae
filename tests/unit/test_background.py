"""Tasks that run until they are told to end, and then do."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from rtcsplit.relay.background import Background


async def test_tasks_run_until_they_are_ended():
    running, ended = asyncio.Event(), []

    async def work() -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    background = Background()
    assert not background.is_running
    background.start(work())
    background.start(work())
    await running.wait()
    assert background.is_running
    await background.end()
    assert len(ended) == 2
    assert not background.is_running
    await background.end()


async def test_a_cancellation_that_a_library_loses_is_repeated():
    lost = 0

    async def work() -> None:
        nonlocal lost
        while lost < 2:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            lost += 1
        await asyncio.Event().wait()

    background = Background()
    background.start(work())
    await asyncio.sleep(0)
    await asyncio.wait_for(background.end(), 5)
    assert lost == 2


async def test_what_ended_a_task_is_not_hidden(caplog):
    async def work() -> None:
        raise ZeroDivisionError

    background = Background()
    background.start(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == ["task_failed"]
    with pytest.raises(ZeroDivisionError):
        await background.end()
