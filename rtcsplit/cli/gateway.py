"""``rtcsplit gateway``: a transceiver whose calls a backend over WebSocket or a handler answers, in the foreground."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from ..gateway.backend_settings import BackendSettings
from .config import BackendSection, GatewayConfig
from .effective import effective_toml
from .extras import needs_extra, require_extra
from .handler import handler_application
from .host import Host
from .loading import check_option, source_options
from .logs import set_up_logs
from .running import run_calls, source_with_workers, workers_option
from .transceiver import check_calls, serve_calls

if TYPE_CHECKING:
    from prometheus_client.registry import Collector
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ..gateway.realtime_backend import RealtimeBackend
    from ..gateway.voice import VoiceApplication
    from ..signaling.realtime_calls import RealtimeCalls
    from ..transceiver.transceiver import Transceiver

    _Answering: TypeAlias = tuple[VoiceApplication | RealtimeBackend, RealtimeCalls | None]

__all__ = ["gateway", "serve_gateway"]


@click.command()
@source_options
@workers_option
@check_option
def gateway(config: Path, settings: tuple[str, ...], workers: int | None, check: bool) -> None:
    """Run a transceiver whose calls a WebSocket backend or a handler answers.

    SIGTERM drains it, SIGUSR1 takes that back. SIGHUP reads hint keys and limits again.
    """
    source = source_with_workers(config, settings, workers)
    read = source.read(GatewayConfig)
    require_extra("gateway")
    check_calls(read)
    _application(read.backend, config.parent)
    if check:
        click.echo(effective_toml(read), nl=False)
        return
    set_up_logs("gateway")
    run_calls("gateway", source, read, partial(serve_gateway, folder=config.parent))


async def serve_gateway(host: Host, read: Callable[[], GatewayConfig], *, folder: Path) -> None:
    """Serve calls with the backend or handler that the configuration names.

    Args:
        host: the process.
        read: reads the configuration.
        folder: where the configuration file is, and the modules of handlers.
    """
    config = read()
    with needs_extra("gateway"):
        application, calls = _application(config.backend, folder)()
    try:
        await serve_calls(
            host,
            read,
            application,
            role="gateway",
            more_collectors=partial(_collectors, application),
            door=partial(_door, config, calls),
        )
    finally:
        await application.aclose()


def _application(section: BackendSection, folder: Path) -> Callable[[], _Answering]:
    """What makes the application, and what the Realtime door has to know of its calls; mistakes are found at once."""
    if section.url is None:
        handled = handler_application(section, folder)
        return lambda: (handled, None)
    settings = _settings(section, section.url)
    if settings.audio_in_rate or settings.audio_out_rate:
        from ..media.opus import require_opus

        require_opus()
    return partial(_realtime if section.protocol == "realtime" else _plain, settings)


def _realtime(settings: BackendSettings) -> _Answering:
    from ..gateway.realtime_backend import RealtimeBackend

    backend = RealtimeBackend(settings)
    return backend, backend


def _plain(settings: BackendSettings) -> _Answering:
    from ..gateway.websocket_backend import websocket_backend

    return websocket_backend(settings), None


def _collectors(application: VoiceApplication | RealtimeBackend) -> list[Collector]:
    from ..gateway.voice import VoiceApplication
    from ..gateway.voice_metrics import VoiceCollector

    return [VoiceCollector(application if isinstance(application, VoiceApplication) else application.voice)]


def _door(
    config: GatewayConfig,
    calls: RealtimeCalls | None,
    endpoint: Transceiver,
    whip: ASGIApp,
    random: Callable[[int], bytes],
) -> ASGIApp:
    """What the signaling port serves: WHIP, and the Realtime API below its path."""
    if config.realtime is None:
        return whip
    from ..signaling.realtime import RealtimeSettings, realtime_application

    path, signaling = config.realtime.path, config.signaling
    settings = RealtimeSettings(
        path=path,
        tokens=signaling.tokens,
        allow_anonymous=signaling.allow_anonymous,
        cors_origins=signaling.cors_origins,
        max_sessions=config.transceiver.max_sessions,
        max_sessions_per_token=signaling.max_sessions_per_token,
    )
    realtime = realtime_application(endpoint, settings, calls, random=random)

    async def by_path(scope: Scope, receive: Receive, send: Send) -> None:
        is_realtime = scope["type"] == "websocket" or (scope["type"] == "http" and scope["path"].startswith(f"{path}/"))
        await (realtime if is_realtime else whip)(scope, receive, send)

    return by_path


def _settings(section: BackendSection, url: str) -> BackendSettings:
    return BackendSettings(
        url=url,
        token=section.token,
        audio_in_rate=section.audio_in_rate if section.audio_in == "pcm16" else None,
        audio_out_rate=section.audio_out_rate if section.audio_out == "pcm16" else None,
        connect_seconds=section.connect_seconds,
        reconnect_attempts=section.reconnect_attempts,
        playout_seconds=section.playout_seconds,
        call_seconds=section.call_seconds,
    )
