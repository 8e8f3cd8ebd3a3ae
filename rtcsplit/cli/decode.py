"""Trees of settings to the structs of :mod:`.config`; whatever does not fit is a :class:`ConfigurationError`.

Sections are decoded key by key, so that an error names its key without reading another library's message.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from ..errors import ConfigurationError
from .sources import HIDDEN, Override

__all__ = ["decode", "decode_section", "is_secret", "section_of"]

S = TypeVar("S", bound=Struct)
T = TypeVar("T")


def decode(tree: Mapping[str, object], shape: type[S], directory: Path, ignored: Collection[str] = ()) -> S:
    """Return the configuration in ``tree``.

    Args:
        tree: sections by name.
        shape: a struct whose fields are sections.
        directory: where relative paths begin.
        ignored: sections that may stand in ``tree`` as overrides although ``shape`` has no such section: those of
            our other commands, which may share an environment with this one.

    Raises:
        ConfigurationError: an unknown, missing or unusable setting.
    """
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    for name, table in tree.items():
        is_foreign = name in ignored and isinstance(table, Mapping) and _is_overridden(table)
        if name not in fields and not is_foreign:
            raise ConfigurationError(name, HIDDEN, f"a section, one of {', '.join(fields)}{_origin(table)}")
    sections = {}
    for name, field in fields.items():
        if name in tree or field.required:
            sections[name] = decode_section(name, tree.get(name, {}), section_of(field), directory)
    return shape(**sections)


def section_of(field: FieldInfo) -> type[Struct]:
    """Return the struct of a section, whether the section is optional or not."""
    kinds = [
        kind for kind in (field.type, *get_args(field.type)) if isinstance(kind, type) and issubclass(kind, Struct)
    ]
    section: type[Struct] = kinds[0]
    return section


def is_secret(field: FieldInfo) -> bool:
    """Whether the key's value is never printed."""
    extra = _meta(field).extra
    return bool(extra and extra["is_secret"])


def decode_section(section: str, table: object, shape: type[S], directory: Path) -> S:
    """Return one section.

    Args:
        section: its name, the first part of the keys in errors.
        table: its keys.
        shape: a struct whose fields are keys.
        directory: where relative paths begin.

    Raises:
        ConfigurationError: an unknown, missing or unusable setting.
    """
    if not isinstance(table, Mapping):
        raise ConfigurationError(section, HIDDEN, f"a table, [{section}]")
    fields = {field.name: field for field in msgspec.structs.fields(shape)}
    for name, value in table.items():
        if name not in fields:
            has_secrets = any(map(is_secret, fields.values()))
            shown = HIDDEN if has_secrets else _shown(value)
            expected = f"a key, one of {', '.join(fields)}{_origin(value)}"
            raise ConfigurationError(f"{section}.{name}", shown, expected)
    found = {}
    for name, field in fields.items():
        if name in table:
            found[name] = _value(f"{section}.{name}", table[name], field, directory)
        elif field.required:
            raise ConfigurationError(f"{section}.{name}", None, str(_meta(field).description))
    return shape(**found)


def _value(key: str, value: object, field: FieldInfo, directory: Path) -> Any:
    meta = _meta(field)
    parse = (meta.extra or {})["parse"]
    origin = _origin(value)
    is_list = get_origin(get_args(field.type)[0]) is tuple
    plain = _plain(value, is_list)
    shown = plain
    try:
        if parse is None:
            return msgspec.convert(plain, field.type, strict=not origin)
        if not is_list:
            parsed = parse(_of_type(plain, str))
            return directory / parsed if isinstance(parsed, Path) else parsed
        items = []
        for shown in _of_type(plain, list):
            items.append(parse(_of_type(shown, str)))
        return tuple(items)
    except ValueError:
        shown = HIDDEN if is_secret(field) else shown
        raise ConfigurationError(key, shown, f"{meta.description}{origin}") from None


def _meta(field: FieldInfo) -> Meta:
    meta: Meta = get_args(field.type)[-1]  # ours is the outermost one
    return meta


def _plain(value: object, is_list: bool) -> object:
    """Return ``value`` without overrides in it: their text, or the items between its commas."""
    if isinstance(value, Override):
        return [item.strip() for item in value.split(",") if item.strip()] if is_list else str(value)
    if isinstance(value, Mapping):
        return {name: _plain(item, is_list=False) for name, item in value.items()}
    return value


def _of_type(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise ValueError(f"not a {kind.__name__}")
    return value


def _is_overridden(table: Mapping[str, object]) -> bool:
    """Whether every value in ``table`` is an override: the file has no such section."""
    return bool(table) and all(
        isinstance(value, Override) or (isinstance(value, Mapping) and _is_overridden(value))
        for value in table.values()
    )


def _origin(value: object) -> str:
    """Which variable or flag it came from, in brackets; nothing where the file has it."""
    if isinstance(value, Mapping) and _is_overridden(value):
        return _origin(next(iter(value.values())))
    return f" ({value.origin})" if isinstance(value, Override) else ""


def _shown(value: object) -> object:
    """What an unknown setting's error shows: no table or list, which may hold a secret from a wrong place."""
    return HIDDEN if isinstance(value, (Mapping, list)) else _plain(value, is_list=False)
