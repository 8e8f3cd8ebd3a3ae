"""How a command that serves calls runs: in its own process, or in several that it starts and routes requests to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from ..transceiver import packet_loop
from .config import MAX_WORKERS, TransceiverConfig
from .host import Host, OwnHost
from .loading import Source
from .process import Process, run
from .workers import serve_with_workers

__all__ = ["run_calls", "source_with_workers", "workers_option"]

C = TypeVar("C", bound=TransceiverConfig)

workers_option = click.option(
    "--workers", type=click.IntRange(1, MAX_WORKERS), help="How many processes, in place of transceiver.workers."
)


def source_with_workers(path: Path, flags: tuple[str, ...], workers: int | None) -> Source:
    """Return where the settings come from, those of ``--workers`` included."""
    return Source(path, flags if workers is None else (*flags, f"transceiver.workers={workers}"))


def run_calls(role: str, source: Source, config: C, serve: Callable[[Host, Callable[[], C]], Awaitable[None]]) -> None:
    """Serve calls until the process is told to stop.

    Args:
        role: the command.
        source: where its settings are read again.
        config: as read now.
        serve: serves calls, given a host and what reads the configuration.
    """

    async def main(process: Process) -> None:
        if config.transceiver.workers > 1:
            await serve_with_workers(process, role, source, config)
        else:
            await serve(OwnHost(process), lambda: source.read(type(config)))

    run(main, packet_loop.run)
