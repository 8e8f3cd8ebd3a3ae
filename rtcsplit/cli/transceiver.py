"""``rtcsplit transceiver``: a transceiver and its HTTP signaling in one event loop, in the foreground."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..gateway.echo import Echo
from ..routing.hint import Route, RoutingKeys
from ..transceiver.application import Application
from ..transceiver.settings import TransceiverSettings
from ..transceiver.transceiver import Transceiver
from .admin_port import admin_port
from .config import SignalingSection, TransceiverConfig, TransceiverSection
from .effective import effective_toml
from .extras import needs_extra
from .keys import minting_keys
from .loading import Source, check_option, source_options
from .logs import set_up_logs
from .process import Process, run
from .registered import registered

if TYPE_CHECKING:
    from prometheus_client.registry import Collector
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

__all__ = ["serve_calls", "transceiver"]

log = logging.getLogger(__name__)

_APPLICATIONS: dict[str, Callable[[], Application]] = {"echo": Echo}


@click.command()
@source_options
@check_option
def transceiver(config: Path, settings: tuple[str, ...], check: bool) -> None:
    """Run a transceiver and its HTTP signaling. SIGTERM drains it: calls go on, new ones are refused."""
    read = Source(config, settings).read(TransceiverConfig)
    keys = None if read.hint_keys is None else minting_keys(read.hint_keys)
    if check:
        click.echo(effective_toml(read), nl=False)
        return
    set_up_logs("transceiver")

    async def serve(process: Process) -> None:
        await serve_calls(process, read, keys, _APPLICATIONS[read.transceiver.application]())

    run(serve)


async def serve_calls(
    process: Process,
    config: TransceiverConfig,
    keys: RoutingKeys | None,
    application: Application,
    *,
    role: str = "transceiver",
    more_collectors: Callable[[], Sequence[Collector]] = tuple,
    door: Callable[[Transceiver, ASGIApp], ASGIApp] = lambda endpoint, whip: whip,
) -> None:
    """Run a transceiver and its HTTP signaling until the process is told to stop.

    Args:
        process: says when.
        config: of both.
        keys: hint keys, None in direct mode without.
        application: what the calls talk to.
        role: what the ready line calls it.
        more_collectors: metrics of the application's own; called where there is an admin port.
        door: makes what the signaling port serves, given the WHIP endpoint.
    """
    section = config.transceiver
    endpoint = Transceiver(_settings(section), application=application, keys=keys)
    with needs_extra("signaling"):
        from .web import serving

        served = door(endpoint, _signaling(config.signaling, endpoint, section.max_sessions))

    def collectors() -> list[Collector]:
        from ..transceiver.metrics import TransceiverCollector

        return [TransceiverCollector(endpoint.counters), *more_collectors()]

    async with (
        admin_port(config.admin, process, collectors) as admin,
        endpoint,
        serving("signaling.listen", config.signaling.listen, served) as signaling,
        registered(config, keys, endpoint),
    ):
        addresses = f"listen={endpoint.address} signaling={signaling} admin={admin or 'none'}"
        process.ready(f"{role} ready: {addresses}")
        if await process.until_stopped() is signal.SIGTERM:
            await _drain(endpoint, section.drain_seconds)


async def _drain(endpoint: Transceiver, seconds: int) -> None:
    """Let calls end by themselves; whoever waits for them can follow it in the log and the metrics."""
    calls = len(endpoint.calls())
    if calls and seconds:
        log.info("drain_started", extra={"sessions": calls, "seconds": seconds})
        outcome = await endpoint.drain(seconds)
        log.info("drain_ended", extra={"outcome": outcome.value, "sessions": len(endpoint.calls())})


def _settings(section: TransceiverSection) -> TransceiverSettings:
    return TransceiverSettings(
        listen=section.listen,
        advertise=section.advertise,
        route=Route(section.cluster or 0, section.id or 0),
        relay_networks=section.relay_networks,
        dtls_setup=section.dtls_setup,
        srtp_profiles=section.srtp_profiles,
        max_sessions=section.max_sessions,
        max_half_open_sessions=section.max_half_open_sessions,
        session_log_directory=section.session_log_directory,
        receive_buffer_bytes=section.receive_buffer_bytes,
        silent_intervals=section.silent_intervals,
        gather=section.gather_ms / 1000,
        has_snap=section.snap,
        rescues_uplink=section.rescue_uplink,
    )


def _signaling(section: SignalingSection, endpoint: Transceiver, max_sessions: int) -> Starlette:
    from ..signaling.whip import WhipSettings, whip_application

    settings = WhipSettings(
        path=section.whip_path,
        tokens=section.tokens,
        allow_anonymous=section.allow_anonymous,
        cors_origins=section.cors_origins,
        max_sessions=max_sessions,
        max_sessions_per_token=section.max_sessions_per_token,
    )
    return whip_application(endpoint, settings)
