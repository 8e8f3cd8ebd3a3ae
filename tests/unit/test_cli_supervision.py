"""``rtcsplit relay`` as a supervisor: its forwarding process dies, is replaced, drains; flows and counters stay.

::

    client ──► [ sockets, tables: supervisor ] ──► transceiver        both are sockets of ours
                 └ forwarding process, and one that stands by
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from rtcsplit.cli.supervisor import backoff
from tests.cli_relay import SECRET
from tests.processes import Running, children, has_standby, rtcsplit, worker_priorities, worker_threads
from tests.relay_call import calling, until


def next_event(relay: Running) -> str:
    event: str = json.loads(relay.next_log())["event"]
    return event


@pytest.mark.parametrize("standby", [True, False])
def test_killed_forwarding_process_is_replaced_with_flows_and_counters(tmp_path: Path, standby: bool) -> None:
    with calling(tmp_path, standby=standby) as call:
        until(lambda: has_standby(call.relay.process.pid) or not standby)
        victim = children(call.relay.process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        call.carries_media()
        assert next_event(call.relay) == "forwarder_ended"
        assert victim not in children(call.relay.process.pid)
        assert call.metrics() == {"received": 2, "recovered": 0}
        assert call.readiness() == 200
        until(lambda: has_standby(call.relay.process.pid) or not standby)
        assert call.relay.stop() == (0, "")


def test_upgrade_replaces_the_forwarding_process_and_loses_nothing(tmp_path: Path) -> None:
    with calling(tmp_path) as call:
        old = children(call.relay.process.pid)[0]
        call.relay.process.send_signal(signal.SIGUSR2)
        sent = 0
        while old in children(call.relay.process.pid):
            call.carries_media()
            sent += 1
        assert next_event(call.relay) == "upgraded"
        call.carries_media()
        assert call.metrics() == {"received": sent + 2, "recovered": 0}
        assert call.relay.stop() == (0, "")


def test_workers_of_a_process_that_was_started_beside_another_have_the_priority_of_all(tmp_path: Path) -> None:
    """Only loading it stepped back."""
    with calling(tmp_path) as call:
        supervisor = call.relay.process.pid
        until(lambda: has_standby(supervisor))
        priorities = {nice for child in children(supervisor) for nice in worker_priorities(child)}
        assert priorities == {os.getpriority(os.PRIO_PROCESS, supervisor)}


def test_an_entry_that_vanished_is_routed_by_the_processes_that_come_after(tmp_path: Path) -> None:
    """As long as its call lasts: by the one that stands by, and by one that has never seen it listed."""
    with calling(tmp_path) as call:
        until(lambda: has_standby(call.relay.process.pid))
        (tmp_path / "directory.toml").write_text("")
        call.relay.process.send_signal(signal.SIGHUP)
        assert next_event(call.relay) == "reloaded"
        call.carries_media()
        for number in (signal.SIGUSR2, signal.SIGKILL):
            old = children(call.relay.process.pid)[0]
            os.kill(call.relay.process.pid if number is signal.SIGUSR2 else old, number)
            until(lambda: old not in children(call.relay.process.pid))  # noqa: B023
            call.carries_media()
            until(lambda: has_standby(call.relay.process.pid))


def test_command_asks_for_an_upgrade(tmp_path: Path) -> None:
    with calling(tmp_path, standby=False) as call:
        assert rtcsplit("relay", "upgrade", "--pid", call.relay.process.pid).returncode == 0
        assert next_event(call.relay) == "upgraded"
        call.carries_media()


def test_upgrade_of_nobody_is_one_line() -> None:
    result = rtcsplit("relay", "upgrade", "--pid", 2**22 - 1)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


def test_upgrade_of_another_process_is_refused_and_leaves_it_alone() -> None:
    """SIGUSR2 ends whoever does not expect it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        result = rtcsplit("relay", "upgrade", "--pid", other.pid)
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)
        assert result.stderr.startswith("rtcsplit: --pid = ")
        other.communicate(b"\n")
        assert other.returncode == 0


def test_upgrade_that_cannot_start_changes_nothing(tmp_path: Path) -> None:
    with calling(tmp_path, standby=False) as call:
        old, config = children(call.relay.process.pid), (tmp_path / "relay.toml").read_text()
        (tmp_path / "relay.toml").write_text("nonsense")
        call.relay.process.send_signal(signal.SIGUSR2)
        assert next_event(call.relay) == "upgrade_failed"
        (tmp_path / "relay.toml").write_text(config.replace(SECRET.hex(), "short"))
        call.relay.process.send_signal(signal.SIGUSR2)
        assert [next_event(call.relay) for _ in range(2)] == ["forwarder_refused", "upgrade_failed"]
        call.carries_media()
        assert children(call.relay.process.pid) == old
        assert call.relay.stop() == (0, "")


def test_drain_forwards_on_without_being_ready_and_can_be_undone(tmp_path: Path) -> None:
    with calling(tmp_path, standby=False, drain_seconds=3600) as call:
        assert call.readiness() == 200
        call.relay.process.send_signal(signal.SIGTERM)
        assert next_event(call.relay) == "drain_started"
        until(lambda: call.readiness() == 503)
        assert 'rtcsplit_draining{role="relay"} 1.0' in httpx.get(f"http://{call.relay.address('admin')}/metrics").text
        call.carries_media()
        call.relay.process.send_signal(signal.SIGUSR1)
        assert next_event(call.relay) == "drain_ended"
        until(lambda: call.readiness() == 200)
        call.carries_media()
        assert call.relay.stop(signal.SIGINT)[0] == 0


def test_drain_ends_at_its_deadline(tmp_path: Path) -> None:
    with calling(tmp_path, standby=False, drain_seconds=1) as call:
        status, log = call.relay.stop()
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert (status, events) == (0, ["drain_started", "drain_ended"])


def test_draining_relay_stays_so_when_its_forwarding_process_dies(tmp_path: Path) -> None:
    with calling(tmp_path, standby=False, drain_seconds=3600) as call:
        call.relay.process.send_signal(signal.SIGTERM)
        assert next_event(call.relay) == "drain_started"
        os.kill(children(call.relay.process.pid)[0], signal.SIGKILL)
        assert next_event(call.relay) == "forwarder_ended"
        call.carries_media()
        assert call.readiness() == 503


def test_nothing_is_left_of_a_killed_supervisor(tmp_path: Path) -> None:
    with calling(tmp_path) as call:
        until(lambda: has_standby(call.relay.process.pid))
        left = children(call.relay.process.pid)
        assert len(left) == 2
        call.relay.process.kill()
        call.relay.process.wait()
        until(lambda: not any(worker_threads(pid) for pid in left))


def test_back_off_begins_with_the_third_end_within_ten_seconds() -> None:
    """T28: what crashes again and again is not started without end."""
    assert backoff([], 100.0) == 0
    assert backoff([98.0, 99.0], 100.0) == 0
    assert backoff([90.0, 98.0, 99.0], 100.0) == 0
    assert backoff([90.1, 98.0, 99.0], 100.0) == 0.5
    assert backoff([95.0, 96.0, 98.0, 99.0], 100.0) == 1.0
    assert backoff([95.0] * 8, 100.0) == 5.0
