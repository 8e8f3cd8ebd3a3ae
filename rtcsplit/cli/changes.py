"""Which keys of a configuration have changed since it was read."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

__all__ = ["changed_keys"]


def changed_keys(old: Struct, new: Struct, sections: Iterable[str]) -> list[str]:
    """Return the dotted names of the keys in which two configurations of one shape differ, in these sections."""
    changed = []
    for name in sections:
        before, after = getattr(old, name), getattr(new, name)
        if before is None or after is None:
            changed += [name] if before is not after else []
            continue
        keys = (field.name for field in structs.fields(before))
        changed += [f"{name}.{key}" for key in keys if getattr(before, key) != getattr(after, key)]
    return changed
