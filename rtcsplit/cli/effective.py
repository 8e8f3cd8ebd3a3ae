"""What ``--check`` prints: the configuration as it will be used, as TOML, without its secrets."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import fields

from .decode import is_secret
from .sources import HIDDEN
from .values import render

__all__ = ["effective_toml"]


def effective_toml(config: Struct) -> str:
    """Return every section and key that has a value, defaults included; a secret is shown as hidden."""
    sections = []
    for section in fields(config):
        values = getattr(config, section.name)
        if values is not None:
            sections.append("\n".join([f"[{section.name}]", *_lines(values)]))
    return "\n\n".join(sections) + "\n"


def _lines(section: Struct) -> list[str]:
    lines = []
    for field in fields(section):
        value = getattr(section, field.name)
        if value is not None:
            lines.append(f"{field.name} = {render(_without_secret(value) if is_secret(field) else value)}")
    return lines


def _without_secret(value: object) -> object:
    if isinstance(value, dict):
        return dict.fromkeys(value, HIDDEN)
    if isinstance(value, tuple):
        return (HIDDEN,) * len(value)
    return HIDDEN if value else value
