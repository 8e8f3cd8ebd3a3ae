"""The forwarding process of ``rtcsplit relay``, which the supervisor starts by :mod:`.forwarder`.

It has the sockets and the memory from the supervisor, and the rest from the configuration's files, which it reads
itself. If it is not the first one it waits, prepared, until the one in charge leaves or dies.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from importlib import import_module
from pathlib import Path

import click

from ..errors import RtcsplitError
from ..relay.holdings import Holdings
from .config import RelayConfig
from .forwarding import Forwarding
from .loading import Source, source_options
from .logs import set_up_logs
from .low_priority import at_low_priority
from .refusal import refuse
from .relay import Plan, forward

__all__ = ["main"]

log = logging.getLogger(__name__)

# What is loaded where the configuration asks for it, otherwise in the moment when calls need the CPU most.
_OF_ADMIN = (
    *("cli.admin", "cli.web", "cli.forwarding_metrics", "cli.loop_lag_metrics"),
    *("relay.metrics", "relay.control_metrics"),
)
_OF_REDIS = ("relay.redis_link", "relay.flow_cache", "relay.registration")


@click.command()
@source_options
@click.option("--control", type=int, required=True, help="Descriptor of the socket to the supervisor.")
@click.option("--admin", type=int, help="Descriptor of the admin port's listening socket.")
@click.option("--holdings", required=True, help="Descriptors of what the supervisor holds.")
@click.option("--confirmed-flows", type=int, required=True, help="The setting in force.")
@click.option("--serves", type=click.Choice(["clients", "relays"]), multiple=True, help="What workers do in turns.")
@click.option("--standby", is_flag=True, help="Wait for being told to serve.")
@click.option("--at-leisure", is_flag=True, help="Another process is in charge: there is no hurry.")
def main(
    config: Path,
    settings: tuple[str, ...],
    control: int,
    admin: int | None,
    holdings: str,
    confirmed_flows: int,
    serves: tuple[str, ...],
    standby: bool,
    at_leisure: bool,
) -> None:
    """Forward for a supervisor."""
    set_up_logs("relay")
    source = Source(config, settings)
    if at_leisure:
        at_low_priority(lambda: _load_ahead(source))

    async def serve() -> None:
        forwarding = Forwarding(socket.socket(fileno=control))
        if not standby:
            forwarding.take_charge()
        held = Holdings.inherit([int(fd) for fd in holdings.split(",")], [each == "relays" for each in serves])
        listener = None if admin is None else socket.socket(fileno=admin)
        plan = Plan.read(source).with_in_force(confirmed_flows=confirmed_flows)
        await forward(forwarding, source, plan, held, listener)

    try:
        asyncio.run(serve())
    except RtcsplitError as error:
        if not standby:
            sys.exit(refuse(error))
        logging.disable(logging.NOTSET)
        log.error("forwarder_refused", extra={"reason": str(error)})
        sys.exit(1)
    # Another process forwards now. Tidying up would take 50 ms of CPU time from it, and close nothing
    # that the kernel does not.
    logging.shutdown()
    os._exit(0)


def _load_ahead(source: Source) -> None:
    """Load what will be needed in charge. What is wrong is found again, and told, when it is used."""
    config = source.read(RelayConfig)
    wanted = [*(_OF_ADMIN if config.admin else ()), *(_OF_REDIS if config.redis else ())]
    for name in wanted:
        import_module(f"rtcsplit.{name}")
