"""``rtcsplit transceiver``: a transceiver and its HTTP signaling in one event loop, or several in processes."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from ..gateway.echo import Echo
from ..relay.registry_file import FileRegistry
from ..routing.hint import Route, RoutingKeys
from ..routing.steering import Steering
from ..transceiver.admission import DrainOutcome
from ..transceiver.application import Application
from ..transceiver.garbage import collect_rarely
from ..transceiver.settings import TransceiverSettings
from ..transceiver.transceiver import Transceiver
from .changes import changed_keys
from .config import SignalingSection, TransceiverConfig, TransceiverSection
from .effective import effective_toml
from .extras import needs_extra, require_extra
from .host import Host
from .keys import minting_keys
from .loading import check_option, source_options
from .logs import set_up_logs
from .loop_lag import LoopLag
from .registered import registered
from .running import run_calls, source_with_workers, workers_option

if TYPE_CHECKING:
    from prometheus_client.registry import Collector
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    Door: TypeAlias = Callable[[Transceiver, ASGIApp, Callable[[int], bytes]], ASGIApp]

__all__ = ["check_calls", "serve_calls", "serve_transceiver", "transceiver"]

log = logging.getLogger(__name__)

_APPLICATIONS: dict[str, Callable[[], Application]] = {"echo": Echo}
_RELOADED = ("transceiver.max_sessions", "transceiver.max_half_open_sessions")


@click.command()
@source_options
@workers_option
@check_option
def transceiver(config: Path, settings: tuple[str, ...], workers: int | None, check: bool) -> None:
    """Run a transceiver and its HTTP signaling.

    SIGTERM drains it: calls go on, new ones are refused; SIGUSR1 takes that back. SIGHUP reads hint keys and limits
    again.
    """
    source = source_with_workers(config, settings, workers)
    read = source.read(TransceiverConfig)
    check_calls(read)
    if check:
        click.echo(effective_toml(read), nl=False)
        return
    set_up_logs("transceiver")
    run_calls("transceiver", source, read, serve_transceiver)


def check_calls(config: TransceiverConfig) -> None:
    """Find what a start would refuse, before a port is bound or a worker started.

    Raises:
        ConfigurationError: keys, rules of steering or a folder cannot be used.
        MissingLibraryError: an extra is not installed.
    """
    _keys(config)
    _settings(config.transceiver)
    if config.transceiver.announce_to is not None:
        FileRegistry(config.transceiver.announce_to).check_access()
    require_extra("signaling")
    if config.admin is not None:
        require_extra("metrics")
    if config.redis is not None:
        require_extra("redis")
    _steering(config.signaling)


async def serve_transceiver(host: Host, read: Callable[[], TransceiverConfig]) -> None:
    """Serve calls with the application that the configuration names."""
    await serve_calls(host, read, _APPLICATIONS[read().transceiver.application]())


async def serve_calls(
    host: Host,
    read: Callable[[], TransceiverConfig],
    application: Application,
    *,
    role: str = "transceiver",
    more_collectors: Callable[[], Sequence[Collector]] = tuple,
    door: Door = lambda endpoint, whip, random: whip,
) -> None:
    """Run a transceiver and its HTTP signaling until the process is told to stop.

    Args:
        host: the process.
        read: reads the configuration, now and whenever it is to be read again.
        application: what the calls talk to.
        role: what the ready line calls it.
        more_collectors: metrics of the application's own; called where there is an admin port.
        door: makes what the signaling port serves, given the WHIP endpoint and what makes ids.
    """
    config = read()
    section, keys = config.transceiver, _keys(config)
    endpoint = Transceiver(_settings(section), application=application, keys=keys)
    with needs_extra("signaling"):
        whip = _signaling(config.signaling, endpoint, section.max_sessions, host.random)
        from ..signaling.http_counters import CountedRequests, HttpCounters
    requests = HttpCounters()
    served = CountedRequests(door(endpoint, whip, host.random), requests)

    def collectors() -> list[Collector]:
        from ..signaling.http_metrics import HttpCollector
        from ..transceiver.metrics import TransceiverCollector
        from .loop_lag_metrics import LoopLagCollector

        own = [TransceiverCollector(endpoint.counters), LoopLagCollector(lag), HttpCollector(requests)]
        return [*own, *more_collectors()]

    lag = LoopLag("transceiver")
    async with (
        lag.measured(),
        host.admin(config.admin, collectors) as admin,
        endpoint,
        registered(config, endpoint),
        host.signaling(config.signaling.listen, served) as signaling,
    ):
        host.on_reload(lambda: _reload(endpoint, config, read()))
        host.on_undo(endpoint.undo_drain)
        collect_rarely()
        line = f"{role} ready: listen={endpoint.address} signaling={signaling} admin={admin}"
        host.ready(line, lambda: len(endpoint.calls()))
        while await host.until_stopped() is signal.SIGTERM and await _is_undone(endpoint, section.drain_seconds):
            host.resume()


def _keys(config: TransceiverConfig) -> RoutingKeys | None:
    return None if config.hint_keys is None else minting_keys(config.hint_keys)


def _reload(endpoint: Transceiver, config: TransceiverConfig, newer: TransceiverConfig) -> None:
    """Take over what can change while calls run, and say what cannot."""
    keys, section = _keys(newer), newer.transceiver
    if keys is not None and endpoint.keys is not None:
        endpoint.replace_keys(keys)
    endpoint.set_limits(section.max_sessions, section.max_half_open_sessions)
    changed = changed_keys(config, newer, ("transceiver", "signaling", "redis", "admin"))
    ignored = [key for key in changed if key not in _RELOADED]
    if ignored:
        log.warning("restart_needed", extra={"keys": ignored})


async def _is_undone(endpoint: Transceiver, seconds: int) -> bool:
    """Let calls end by themselves, unless somebody takes that back; it can be followed in the log and the metrics."""
    calls = len(endpoint.calls())
    if not calls or not seconds:
        return False
    log.info("drain_started", extra={"sessions": calls, "seconds": seconds})
    outcome = await endpoint.drain(seconds)
    log.info("drain_ended", extra={"outcome": outcome.value, "sessions": len(endpoint.calls())})
    return outcome is DrainOutcome.UNDONE


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
        trunk_mtu=section.trunk_mtu,
        gather=section.gather_ms / 1000,
        has_snap=section.snap,
        rescues_uplink=section.rescue_uplink,
    )


def _steering(section: SignalingSection) -> Steering | None:
    if section.steering is None:
        return None
    locate = None
    if section.steering_database is not None:
        with needs_extra("geo"):
            from ..signaling.location import open_database
        locate = open_database(section.steering_database, setting="signaling.steering_database")
    return Steering.from_file(section.steering, locate, setting="signaling.steering")


def _signaling(
    section: SignalingSection, endpoint: Transceiver, max_sessions: int, random: Callable[[int], bytes]
) -> Starlette:
    from ..signaling.whip import WhipSettings, whip_application

    settings = WhipSettings(
        path=section.whip_path,
        tokens=section.tokens,
        allow_anonymous=section.allow_anonymous,
        cors_origins=section.cors_origins,
        max_sessions=max_sessions,
        max_sessions_per_token=section.max_sessions_per_token,
        steering=_steering(section),
        trusted_proxies=section.trusted_proxies,
    )
    return whip_application(endpoint, settings, random)
