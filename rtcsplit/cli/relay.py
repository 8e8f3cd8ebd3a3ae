"""``rtcsplit relay``: the relay of a configuration file, in the foreground."""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from ..errors import ConfigurationError, RtcsplitError
from ..relay.background import Background
from ..relay.drop_log import DropLog
from ..relay.holdings import Holdings
from ..relay.relay import Relay
from ..relay.settings import RelaySettings
from ..relay.sockets import address_of
from ..routing.directory import Directory
from ..routing.hint import RoutingKeys
from .admin_port import admin_port
from .changes import changed_keys
from .config import RelayConfig
from .effective import effective_toml
from .forwarding import Forwarding
from .keys import routing_keys
from .loading import Source, check_option, source_options
from .logs import set_up_logs
from .loop_lag import LoopLag
from .process import Process, run
from .relay_control import RelayControl, read_directory, require_extras
from .supervisor import Supervisor, serve_until_stopped

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

__all__ = ["Plan", "forward", "relay"]

log = logging.getLogger(__name__)

# What the supervisor holds, or does itself.
_OF_RELAY = (
    "listen",
    "upstream",
    "relay_listen",
    "confirmed_flows",
    "receive_buffer_bytes",
    "standby",
    "drain_seconds",
)
_SUPERVISORS = frozenset(f"relay.{name}" for name in _OF_RELAY) | {"admin", "admin.listen"}


@click.command()
@source_options
@check_option
def relay(config: Path, settings: tuple[str, ...], check: bool) -> None:
    """Run a relay. SIGTERM drains and stops, SIGHUP reads directory and hint keys again, SIGUSR2 upgrades."""
    source = Source(config, settings)
    plan = Plan.read(source)
    require_extras(plan.config)
    if check:
        click.echo(effective_toml(plan.config), nl=False)
        return
    set_up_logs("relay")

    async def serve(process: Process) -> None:
        await supervise(process, source, plan)

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
        keys = routing_keys(config.hint_keys)
        if config.is_announced and keys.minting is None:
            raise ConfigurationError("hint_keys.mint", None, "an id, since this relay announces itself with the secret")
        return cls(config, keys, read_directory(config.relay))

    @property
    def settings(self) -> RelaySettings:
        """The relay's part of the configuration."""
        section = self.config.relay
        return RelaySettings(
            listen=section.listen,
            upstream=section.upstream,
            workers=section.workers,
            allow_client_networks=section.allow_client_networks,
            confirmed_flows=section.confirmed_flows,
            receive_buffer_bytes=section.receive_buffer_bytes,
            relay_listen=section.relay_listen,
            relay_networks=section.relay_networks,
            rescues_uplink=section.rescue_uplink,
            runs=section.runs,
            internal_mtu=section.internal_mtu,
            coalesce_us=section.coalesce_us,
        )

    def with_in_force(self, *, confirmed_flows: int) -> Plan:
        """Return the same with what a running supervisor's memory is for, whatever the file says now."""
        section = structs.replace(self.config.relay, confirmed_flows=confirmed_flows)
        return replace(self, config=structs.replace(self.config, relay=section))

    def settings_with(self, holdings: Holdings) -> RelaySettings:
        """Return :attr:`settings` for the sockets that are held, whatever the file says now."""
        listen, relays = (holdings.address(serves_relays=kind) for kind in (False, True))
        networks = self.config.relay.relay_networks if relays else ()
        return replace(
            self.settings, listen=listen, workers=holdings.workers, relay_listen=relays, relay_networks=networks
        )

    def changes_not_read_again(self, newer: Plan) -> tuple[list[str], list[str]]:
        """Return the keys in which ``newer`` differs and that a reload does not read.

        Returns:
            Those that take an upgrade, and those that are the supervisor's and take a restart.
        """
        changed = changed_keys(self.config, newer.config, ("relay", "redis", "directory_dns", "admin"))
        changed = [key for key in changed if key != "relay.directory"]
        return [key for key in changed if key not in _SUPERVISORS], [key for key in changed if key in _SUPERVISORS]


async def supervise(process: Process, source: Source, plan: Plan) -> None:
    """Hold sockets and memory, and keep processes that forward."""
    section = plan.config.relay
    async with Supervisor.started(source, plan.settings, plan.config.admin, has_standby=section.standby) as supervisor:
        upstream = ",".join(str(address_of(pair.upstream)) for pair in supervisor.holdings.sockets)
        listen, relays = (supervisor.holdings.address(serves_relays=kind) for kind in (False, True))
        line = f"relay ready: listen={listen or 'none'} upstream={upstream} admin={supervisor.admin or 'none'}"
        if relays:
            line += f" relay_listen={relays}"
        await serve_until_stopped(process, supervisor, line, section.drain_seconds)


async def forward(
    process: Forwarding, source: Source, plan: Plan, holdings: Holdings, listener: socket.socket | None
) -> None:
    """Forward with what a supervisor holds, once its other processes let this one."""

    def fail(error: OSError) -> None:
        process.fail(RtcsplitError(f"a worker ended: {error}"))

    directory = plan.directory if plan.config.relay.directory_source == "file" else None
    relay = Relay(plan.settings_with(holdings), plan.keys, directory, on_failure=fail, holdings=holdings)

    def reload() -> None:
        newer = Plan.read(source)
        if plan.config.relay.directory_source == "file":
            relay.replace_directory(newer.directory)  # may still refuse, so it goes first
        relay.replace_keys(newer.keys)
        for event, keys in zip(("upgrade_needed", "restart_needed"), plan.changes_not_read_again(newer), strict=True):
            if keys:
                log.warning(event, extra={"keys": keys})

    control = RelayControl(
        plan.config, relay, lambda: read_directory(source.read(RelayConfig).relay), lambda: process.is_ready
    )

    def collectors() -> list[Collector]:
        from ..relay.metrics import RelayCollector
        from .forwarding_metrics import ForwardingCollector
        from .loop_lag_metrics import LoopLagCollector

        return [RelayCollector(relay), ForwardingCollector(process), LoopLagCollector(lag), *control.collectors()]

    lag, beside = LoopLag("relay"), Background()
    async with relay, control, contextlib.AsyncExitStack() as stack:
        process.on_reload(reload)
        process.prepared(relay.region)
        await process.until_in_charge()
        relay.take_charge()
        beside.start(lag.run())
        beside.start(DropLog(relay.counters).run())
        stack.push_async_callback(beside.end)
        await control.take_charge()
        async with admin_port(plan.config.admin, process, collectors, listener=listener):
            process.serving()
            await process.until_stopped()
