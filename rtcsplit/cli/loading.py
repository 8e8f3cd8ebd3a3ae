"""From the command line to a checked configuration: the options that all commands share, and what they load."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import Struct
from msgspec.structs import fields

from .config import GatewayConfig, RelayConfig
from .decode import decode, decode_section
from .sources import overrides_of_environment, overrides_of_flags, read_toml, with_overrides

__all__ = ["Source", "check_option", "source_options"]

S = TypeVar("S", bound=Struct)
Command = TypeVar("Command", bound=Callable[..., Any])

_ALL_SECTIONS = frozenset(field.name for shape in (RelayConfig, GatewayConfig) for field in fields(shape))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a command's settings come from; reading it again finds what has changed.

    Attributes:
        path: the configuration file.
        flags: ``SECTION.KEY=VALUE``, each.
    """

    path: Path
    flags: tuple[str, ...] = ()

    def read(self, shape: type[S]) -> S:
        """Return the whole configuration.

        Raises:
            ConfigurationError: a setting cannot be used.
        """
        return decode(self._tree(), shape, self.path.parent, ignored=_ALL_SECTIONS)

    def read_section(self, name: str, shape: type[S]) -> S | None:
        """Return one section, None where there is none; the others are not looked at.

        Raises:
            ConfigurationError: a setting of that section cannot be used.
        """
        tree = self._tree()
        return decode_section(name, tree[name], shape, self.path.parent) if name in tree else None

    def _tree(self) -> dict[str, object]:
        overrides = overrides_of_environment(os.environ) | overrides_of_flags(self.flags)
        return with_overrides(read_toml("--config", self.path), overrides)


def source_options(command: Command) -> Command:
    """Give a command ``--config`` and ``--set``, as its parameters ``config`` and ``settings``."""
    for option in (
        click.option("--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help="Override one setting."),
        click.option("--config", required=True, type=click.Path(path_type=Path), help="The configuration file."),
    ):
        command = option(command)
    return command


check_option = click.option(
    "--check", is_flag=True, help="Print the effective configuration without secrets, and start nothing."
)
