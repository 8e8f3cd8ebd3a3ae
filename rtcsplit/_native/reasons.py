"""From ``enum rs_drop`` to :class:`DropReason`."""

from __future__ import annotations

from ..drops import DropReason
from ..errors import NativeError
from ._rtcsplit import lib

__all__ = ["drop_reason"]

# Indexed by what C answers, which is faster than the enumeration's constructor. Nobody asks for the first one.
_REASONS: tuple[DropReason, ...] = (DropReason.TOO_SHORT, *DropReason)

if len(_REASONS) != lib.RS_DROP_COUNT:
    raise NativeError(f"the extension knows {lib.RS_DROP_COUNT - 1} drop reasons, Python {len(DropReason)}: rebuild it")


def drop_reason(drop: int) -> DropReason:
    """Return the member for a value that is not ``RS_DROP_NONE``."""
    return _REASONS[drop]
