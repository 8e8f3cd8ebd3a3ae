"""``rtcsplit demo``: its options. What it does is in :mod:`.run`, imported once it is known to be installed."""

from __future__ import annotations

from pathlib import Path

import click

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
    status = 0

    async def job(process: Process) -> None:
        nonlocal status
        status = await (serve_page(process, port) if serve else make_call(process, recording))

    run(job)
    context.exit(status)
