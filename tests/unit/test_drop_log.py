"""What a relay drops, in its log: a line per reason and period."""

from __future__ import annotations

import asyncio
import logging

import pytest

from rtcsplit.relay.drop_log import DropLog
from tests.relay_bench import RTP, running


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    records = [(record.__dict__["reason"], record.__dict__["datagrams"]) for record in caplog.records]
    assert {record.message for record in caplog.records} <= {"datagrams_dropped"}
    caplog.clear()
    return sorted(records)


async def test_each_reason_is_told_once_with_how_many(caplog):
    caplog.set_level(logging.WARNING, "rtcsplit.relay.drop_log")
    async with running() as bench:
        log = DropLog(bench.relay.counters)
        log.tell()
        bench.up(*[RTP] * 5, *[b""] * 3)
        await bench.settled(public=8)
        caplog.clear()
        log.tell()
        assert told(caplog) == [("no_flow", 5), ("too_short", 3)]
        log.tell()
        assert told(caplog) == []
        bench.up(b"")
        await bench.settled(public=9)
        log.tell()
        assert told(caplog) == [("too_short", 1)]


async def test_it_looks_again_and_again(caplog):
    caplog.set_level(logging.WARNING, "rtcsplit.relay.drop_log")
    async with running() as bench:
        looking = asyncio.ensure_future(DropLog(bench.relay.counters, interval=0.01).run())
        caplog.clear()
        bench.up(b"")
        for _ in range(500):
            if caplog.records:
                break
            await asyncio.sleep(0.01)
        looking.cancel()
        assert told(caplog) == [("too_short", 1)]
