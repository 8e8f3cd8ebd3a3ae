"""The demo's two ways to run: one call with a verdict, or a page that stays up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx

from ...wire.address import Address
from ..process import Process
from ..web import serving
from . import report
from .assistant import assistant
from .counters import RelayReading
from .deployment import Deployment, Settings
from .serve import web_application

__all__ = ["make_call", "serve_page"]

_CALL_TIMEOUT = 25.0
_INTERRUPTED = 130  # what a shell gives a command that SIGINT ended


async def make_call(process: Process, recording: Path | None = None) -> int:
    """Start everything, make one call, print it live and as a summary; return the exit status, 0 only if it worked.

    Raises:
        ProcessFailedError: relay or transceiver did not start.
    """
    running = asyncio.ensure_future(_make_call(recording))
    stopped = asyncio.ensure_future(process.until_stopped())
    done, _ = await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if running in done:
        return running.result()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return _INTERRUPTED


async def serve_page(process: Process, port: int) -> int:
    """Start everything and serve the page on 127.0.0.1 until the process is told to stop; return the exit status.

    Raises:
        ConfigurationError: the port is in use.
        ProcessFailedError: relay or transceiver did not start.
    """
    address = Address.of("127.0.0.1", port)
    async with contextlib.AsyncExitStack() as running:
        deployment = Deployment(Settings(backend_url=await running.enter_async_context(assistant())))
        bound = await running.enter_async_context(serving("--port", address, web_application(deployment)))
        await running.enter_async_context(deployment)
        _print_heading(deployment)
        endpoints = "WHIP at /whip, Realtime at /v1/realtime/calls"
        process.ready(f"  page         http://localhost:{bound.port}/   {endpoints}; stop with Ctrl-C")
        await process.until_stopped()
    return 0


async def _make_call(recording: Path | None) -> int:
    async with Deployment() as deployment:
        _print_heading(deployment)
        outcome = await _watch_client(deployment.whip_url, recording)
        if outcome["event"] == "failed":
            print(f"\nThe call did not work: {outcome['reason']}")
            return 1
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as http:
            relay = await RelayReading.fetch(http, deployment.relay_metrics_url)
        print(report.summary(outcome, relay, deployment.relay_address), flush=True)
        return 1 if report.faults(outcome, relay, deployment.relay_address) else 0


async def _watch_client(whip_url: str, recording: Path | None) -> dict[str, Any]:
    """Run the client, print what it tells, and return its last event."""
    event: dict[str, Any] = {"event": "failed", "reason": "the client ended without an outcome"}
    async with contextlib.aclosing(_client_events(whip_url, recording)) as events:
        async for event in events:
            if line := report.live_line(event):
                print(line, flush=True)
    if event["event"] not in ("failed", "finished"):
        return {"event": "failed", "reason": f"the client ended after its event {event['event']!r}"}
    return event


async def _client_events(whip_url: str, recording: Path | None) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of the client's process; it is ended when it takes longer than 25 s."""
    command = [sys.executable, "-m", "rtcsplit.cli.demo.caller", whip_url]
    if recording is not None:
        command += ["--recording", str(recording)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    deadline = asyncio.get_running_loop().call_later(_CALL_TIMEOUT, process.kill)
    try:
        async for line in process.stdout:
            yield json.loads(line)
        await process.wait()
    finally:
        deadline.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


def _print_heading(deployment: Deployment) -> None:
    relay = (deployment.relay_address, deployment.relay.pid)
    transceiver = (deployment.transceiver_address, deployment.transceiver.pid)
    print(report.heading(relay, transceiver, deployment.whip_url), flush=True)
