"""The forwarding process of a relay is killed, or upgraded, under real DTLS-SRTP calls among synthetic ones.

::

    real clients ──────► rtcsplit relay ─────► rtcsplit transceiver, echo
    synthetic clients ─►  (a process)   ─────► a socket of ours, which talks too
                          audio every 20 ms, each way

A gap is the longest silence of a call around an event, less the 20 ms between two packets. What a machine adds by
itself is measured besides, in turns of the same length without an event.
"""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from tests.mixed_calls import Gaps, Mixed, talking
from tests.processes import children, has_standby

BATCH = 64
KILLS_APART = 5.6  # seconds: the third of three within ten would discard what waits

FORM = ("real", "synthetic", "events", "seconds")
LONG = [pytest.mark.long, pytest.mark.timeout(600)]


async def compare(mixed: Mixed, number: signal.Signals, events: int, seconds: float) -> tuple[Gaps, Gaps]:
    """Let everybody talk, by turns in peace and around a signal to the process in charge; SIGUSR2 to the supervisor.

    Returns:
        Gaps around the signals, and those in peace.
    """
    supervisor = mixed.deployment.relay.pid
    around, peace = [], []
    for _ in range(events):
        await mixed.until(lambda: has_standby(supervisor))
        peace += await mixed.run(seconds)
        in_charge = children(supervisor)[0]
        target = supervisor if number is signal.SIGUSR2 else in_charge
        asyncio.get_running_loop().call_later(0.3, os.kill, target, number)
        around += await mixed.run(seconds)
        await mixed.until(lambda: in_charge not in children(supervisor))  # noqa: B023
    return Gaps.of(around), Gaps.of(peace)


@pytest.mark.parametrize(FORM, [(2, 8, 2, 0.5), pytest.param(20, 180, 20, KILLS_APART / 2, marks=LONG)])
async def test_killed_forwarding_process_costs_no_call(
    real: int, synthetic: int, events: int, seconds: float, is_long: bool
) -> None:
    """A second process stands by; what is lost is at most one batch of each direction, and named."""
    async with talking(real, synthetic) as mixed:
        gaps, alone = await compare(mixed, signal.SIGKILL, events, seconds)
        await mixed.assert_all_talk()
        reading = await mixed.reading()
        lost = mixed.calls.lost
    in_flight = reading.drops.get("crash_in_flight", 0)
    print(f"\n{events} kills, {real} + {synthetic} calls: gap {gaps}; in peace {alone}; lost {lost}, named {in_flight}")
    assert reading.flows["confirmed"] == real + synthetic
    assert reading.flow_events.get("recovered", 0) == 0
    assert max(in_flight, abs(lost)) <= 2 * BATCH * events
    assert "crash_discarded" not in reading.drops
    if is_long:
        assert gaps.p99 <= 0.150


@pytest.mark.parametrize(FORM, [(2, 8, 2, 0.5), pytest.param(20, 180, 20, 2.0, marks=LONG)])
async def test_upgrade_loses_nothing(real: int, synthetic: int, events: int, seconds: float, is_long: bool) -> None:
    async with talking(real, synthetic) as mixed:
        gaps, alone = await compare(mixed, signal.SIGUSR2, events, seconds)
        await mixed.assert_all_talk()
        reading = await mixed.reading()
        lost = mixed.calls.lost
    print(f"\n{events} upgrades, {real} + {synthetic} calls: gap {gaps}; in peace {alone}; lost {lost}")
    assert lost == 0
    assert reading.flows["confirmed"] == real + synthetic
    assert set(reading.drops) <= {"no_route", "no_flow"}  # before the directory was read
    if is_long:
        assert gaps.p99 - alone.p99 <= 0.020


@pytest.mark.parametrize(("real", "synthetic", "rounds"), [(2, 30, 1), pytest.param(20, 180, 7, marks=LONG)])
async def test_upgrade_to_another_number_of_workers_loses_nothing(real: int, synthetic: int, rounds: int) -> None:
    """More, fewer, and more again: clients are spread anew, and no datagram waits where nobody reads it."""
    async with talking(real, synthetic) as mixed:
        supervisor, gaps, alone = mixed.deployment.relay.pid, [], []
        drops = (await mixed.reading()).drops  # from before the directory was read
        before = 1
        for workers in [3, 1, 2] * rounds:
            await mixed.until(lambda: has_standby(supervisor))
            alone += await mixed.run(0.5)
            [in_charge, _] = children(supervisor)
            set_workers(mixed, before, workers)
            asyncio.get_running_loop().call_later(0.1, os.kill, supervisor, signal.SIGUSR2)
            gaps += await mixed.run(0.5)
            await mixed.until(lambda: in_charge not in children(supervisor))  # noqa: B023
            busy = await mixed.busy_workers(0.3)
            assert busy == set(range(workers))
            before = workers
        await mixed.assert_all_talk()
        reading = await mixed.reading()
        lost = mixed.calls.lost
    print(f"\n{3 * rounds} numbers of workers: gap {Gaps.of(gaps)}; in peace {Gaps.of(alone)}; lost {lost}")
    assert (lost, reading.drops) == (0, drops)
    assert reading.flow_events.get("recovered", 0) == 0


def set_workers(mixed: Mixed, before: int, workers: int) -> None:
    path = mixed.deployment.folder / "relay.toml"
    path.write_text(path.read_text().replace(f"workers = {before}\n", f"workers = {workers}\n"))
