"""``rtcsplit demo``: its options. What it does is in :mod:`.run`, imported once it is known to be installed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ...errors import ConfigurationError
from ..extras import needs_extra
from ..process import Process, run

__all__ = ["demo"]


@click.command()
@click.option("--serve", is_flag=True, help="Stay up and serve a page to call from a browser.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Of the page.")
@click.option("--recording", type=click.Path(path_type=Path), help="Write what came back to this WAVE file.")
@click.pass_context
def demo(context: click.Context, serve: bool, port: int, recording: Path | None) -> None:
    """Make a call through a relay and a transceiver on loopback. Exit status 0 only if it worked."""
    with needs_extra("demo"):
        from .run import make_call, serve_page
    if recording is not None and not _can_be_written(recording):
        raise ConfigurationError("--recording", str(recording), "a file that can be written")
    status = 0

    async def job(process: Process) -> None:
        nonlocal status
        status = await (serve_page(process, port) if serve else make_call(process, recording))

    run(job)
    context.exit(status)


def _can_be_written(file: Path) -> bool:
    """Looked at before the call, which would be in vain."""
    return file.parent.is_dir() and not file.is_dir() and os.access(file if file.exists() else file.parent, os.W_OK)
