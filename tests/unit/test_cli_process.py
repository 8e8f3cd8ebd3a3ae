"""Signals and exit status of a long-running command, in real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, os, signal, sys, time
from rtcsplit.cli.logs import set_up_logs
from rtcsplit.cli.process import run
from rtcsplit.errors import ConfigurationError, UsageError

async def serve(process):
    def reload():
        if sys.argv[1] == "reload fails":
            raise ConfigurationError("relay.directory", "x.toml", "a readable file")
    if sys.argv[1] != "no reload":
        process.on_reload(reload)
    if sys.argv[1] == "stopped while starting":
        print("ready", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        while signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
            await asyncio.sleep(0)
    process.ready("ready")
    if sys.argv[1] == "fails":
        asyncio.get_running_loop().call_soon(process.fail, UsageError("no more"))
    await process.until_stopped()
    print("stopping", process.is_ready, flush=True)
    if sys.argv[1] == "stop hangs":
        time.sleep(60)

set_up_logs("relay")
try:
    run(serve)
except UsageError as error:
    sys.exit(str(error))
"""


@contextmanager
def running(behaviour: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, behaviour],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the process still writes until it ends; ``communicate`` would miss what ``readline`` has read ahead."""
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = process.stdout.read(), process.stderr.read()
    process.wait(timeout=10)
    return out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_stops_cleanly_with_status_0(number: signal.Signals) -> None:
    with running("stop") as process:
        process.send_signal(number)
        out, err = rest(process)
    assert (process.returncode, out, err) == (0, "stopping False\n", "")


def test_stop_while_starting_is_never_ready() -> None:
    with running("stopped while starting") as process:
        out, err = rest(process)
    assert (process.returncode, out, err) == (0, "stopping False\n", "")


def test_failure_while_running_is_raised_out_of_the_run() -> None:
    with running("fails") as process:
        out, err = rest(process)
    assert (process.returncode, out, err) == (1, "", "no more\n")


def test_second_signal_ends_a_process_whose_stop_hangs() -> None:
    with running("stop hangs") as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping False\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("behaviour", "event"),
    [("reload", "reloaded"), ("reload fails", "reload_failed"), ("no reload", "reload_unsupported")],
)
def test_hangup_reloads_and_a_failed_reload_only_says_so(behaviour: str, event: str) -> None:
    with running(behaviour) as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGHUP)
        line = json.loads(process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert (line["event"], line["role"]) == (event, "relay")
    assert line.get("key") == ("relay.directory" if behaviour == "reload fails" else None)


async def test_systemd_hears_ready_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        with running("stop", NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
            assert await asyncio.to_thread(systemd.recv, 100) == b"READY=1"
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(systemd.recv, 100) == b"STOPPING=1"
