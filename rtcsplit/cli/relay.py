"""``rtcsplit relay``: the relay of a configuration file, in the foreground."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import fields

from ..errors import RtcsplitError
from ..relay.relay import Relay
from ..relay.settings import RelaySettings
from ..routing.directory import Directory
from ..routing.hint import RoutingKeys
from .admin_port import admin_port
from .config import RelayConfig
from .effective import effective_toml
from .keys import routing_keys
from .loading import Source, check_option, source_options
from .logs import set_up_logs
from .process import Process, run
from .relay_control import RelayControl, read_directory

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

__all__ = ["relay"]

log = logging.getLogger(__name__)


@click.command()
@source_options
@check_option
def relay(config: Path, settings: tuple[str, ...], check: bool) -> None:
    """Run a relay until SIGTERM. SIGHUP reads directory and hint keys again."""
    source = Source(config, settings)
    plan = Plan.read(source)
    if check:
        click.echo(effective_toml(plan.config), nl=False)
        return
    set_up_logs("relay")

    async def serve(process: Process) -> None:
        await _serve(process, source, plan)

    run(serve)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that files say, read and checked, before anything is started."""

    config: RelayConfig
    keys: RoutingKeys
    directory: Directory

    @classmethod
    def read(cls, source: Source) -> Plan:
        """Return what the files say now.

        Raises:
            ConfigurationError: a setting, the keys or the directory cannot be used.
        """
        config = source.read(RelayConfig)
        return cls(config, routing_keys(config.hint_keys), read_directory(config))

    def changes_that_need_a_restart(self, newer: Plan) -> list[str]:
        """Return the keys in which ``newer`` differs and which are not read again while running."""
        changed = []
        for section in ("relay", "redis", "directory_dns", "admin"):
            old, new = getattr(self.config, section), getattr(newer.config, section)
            if old is None or new is None:
                changed += [section] if old is not new else []
                continue
            names = [field.name for field in fields(old) if getattr(old, field.name) != getattr(new, field.name)]
            changed += [f"{section}.{name}" for name in names if name != "directory"]
        return changed


async def _serve(process: Process, source: Source, plan: Plan) -> None:
    section = plan.config.relay
    settings = RelaySettings(
        listen=section.listen,
        upstream=section.upstream,
        workers=section.workers,
        allow_client_networks=section.allow_client_networks,
        confirmed_flows=section.confirmed_flows,
        receive_buffer_bytes=section.receive_buffer_bytes,
    )

    def fail(error: OSError) -> None:
        process.fail(RtcsplitError(f"a worker ended: {error}"))

    relay = Relay(settings, plan.keys, plan.directory, on_failure=fail)

    def reload() -> None:
        newer = Plan.read(source)
        if section.directory_source == "file":
            relay.replace_directory(newer.directory)  # may still refuse, so it goes first
        relay.replace_keys(newer.keys)
        if ignored := plan.changes_that_need_a_restart(newer):
            log.warning("restart_needed", extra={"keys": ignored})

    control = RelayControl(plan.config, relay, lambda: read_directory(source.read(RelayConfig)))

    def collectors() -> list[Collector]:
        from ..relay.metrics import RelayCollector

        return [RelayCollector(relay), *control.collectors()]

    async with admin_port(plan.config.admin, process, collectors) as admin, relay, control:
        process.on_reload(reload)
        upstream = ",".join(map(str, relay.upstream_addresses))
        process.ready(f"relay ready: listen={relay.address} upstream={upstream} admin={admin or 'none'}")
        await process.until_stopped()
