"""Where settings come from: the file, then ``RTCSPLIT_SECTION__KEY`` in the environment, then ``--set`` flags.

Later ones win, key by key. What is not from the file is text: an :class:`Override`, which remembers its origin so
that an error can name it, and which is read leniently (``4`` for a number, commas between the items of a list).

Only names with a double underscore are ours: an orchestrator that has a service called ``rtcsplit-relay`` puts
``RTCSPLIT_RELAY_PORT`` and the like into every environment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["HIDDEN", "Override", "overrides_of_environment", "overrides_of_flags", "read_toml", "with_overrides"]

HIDDEN = "(hidden)"  # what is printed in place of a secret

Tree = dict[str, object]

_PREFIX = "RTCSPLIT_"


class Override(str):
    """The text of a setting that did not come from a file.

    Attributes:
        origin: the environment variable or flag.
    """

    __slots__ = ("origin",)

    origin: str

    def __new__(cls, text: str, origin: str) -> Override:
        override = super().__new__(cls, text)
        override.origin = origin
        return override


def read_toml(key: str, path: Path) -> Tree:
    """Return the file's tree.

    Args:
        key: the setting that named the file, for the error.
        path: the file.

    Raises:
        ConfigurationError: it cannot be read, or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(key, str(path), f"a readable file ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigurationError(key, str(path), "a TOML file in UTF-8") from None
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(key, str(path), f"a TOML file ({error})") from None


def overrides_of_environment(environment: Mapping[str, str]) -> dict[tuple[str, ...], Override]:
    """Return our variables by key: ``RTCSPLIT_RELAY__WORKERS`` is ``("relay", "workers")``."""
    found = {}
    for name in sorted(environment):
        if name.startswith(_PREFIX) and "__" in name:
            key = tuple(name[len(_PREFIX) :].lower().split("__"))
            found[key] = Override(environment[name].strip(), name)  # files of secrets end with a line's end
    return found


def overrides_of_flags(flags: Iterable[str]) -> dict[tuple[str, ...], Override]:
    """Return ``--set SECTION.KEY=VALUE`` flags by key.

    Raises:
        ConfigurationError: a flag has no equals sign or no section.
    """
    found = {}
    for flag in flags:
        name, separator, text = flag.partition("=")
        if not separator or "." not in name:
            raise ConfigurationError("--set", flag, "SECTION.KEY=VALUE")
        found[tuple(name.strip().split("."))] = Override(text.strip(), f"--set {name.strip()}")
    return found


def with_overrides(tree: Tree, overrides: Mapping[tuple[str, ...], Override]) -> Tree:
    """Return the tree with the overrides put in; ``tree`` itself is unchanged.

    Raises:
        ConfigurationError: an override goes below something that is not a table.
    """
    merged: Tree = {name: dict(table) if isinstance(table, dict) else table for name, table in tree.items()}
    for key, override in overrides.items():
        table = merged
        for name in key[:-1]:
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                raise ConfigurationError(".".join(key), HIDDEN, f"a setting ({override.origin})")
            table[name] = table = dict(inner)
        table[key[-1]] = override
    return merged
