"""rtcsplit: a thin UDP relay in front of stateful WebRTC transceivers, for voice AI."""

from __future__ import annotations

from ._version import __version__
from .drops import DropReason

__all__ = ["DropReason", "__version__"]
