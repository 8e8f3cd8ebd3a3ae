"""``rtcsplit relay upgrade``: ask a running relay for a forwarding process of the installed version."""

from __future__ import annotations

import os
import signal

import click

from ..errors import ConfigurationError

__all__ = ["upgrade"]


@click.command("relay upgrade")
@click.option("--pid", type=click.IntRange(min=1), required=True, help="The process that `rtcsplit relay` is.")
def upgrade(pid: int) -> None:
    """Replace a running relay's forwarding process by the version installed now; its log says how that went."""
    try:
        os.kill(pid, signal.SIGUSR2)
    except OSError as error:
        raise ConfigurationError("--pid", pid, f"a running relay ({error.strerror})") from None
