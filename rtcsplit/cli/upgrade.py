"""``rtcsplit relay upgrade``: ask a running relay for a forwarding process of the installed version."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from ..errors import ConfigurationError

__all__ = ["upgrade"]


@click.command("relay upgrade")
@click.option("--pid", type=click.IntRange(min=1), required=True, help="The process that `rtcsplit relay` is.")
def upgrade(pid: int) -> None:
    """Replace a running relay's forwarding process by the version installed now; its log says how that went."""
    try:
        if not _listens(pid):
            raise ConfigurationError("--pid", pid, "a running relay (this process does not wait for SIGUSR2)")
        os.kill(pid, signal.SIGUSR2)
    except OSError as error:
        raise ConfigurationError("--pid", pid, f"a running relay ({error.strerror})") from None


def _listens(pid: int) -> bool:
    """Whether the process catches SIGUSR2, which ends any that does not: a transceiver, with all of its calls.

    Raises:
        OSError: there is no such process.
    """
    os.kill(pid, 0)
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGUSR2 - 1) & 1)
