"""How an error that a person can do something about becomes one line and an exit status."""

from __future__ import annotations

import click

from ..errors import ConfigurationError, RtcsplitError

__all__ = ["refuse"]


def refuse(error: RtcsplitError) -> int:
    """Say on stderr what is wrong; return the exit status."""
    click.echo(f"rtcsplit: {' '.join(str(error).split())}", err=True)
    return 2 if isinstance(error, ConfigurationError) else 1
