"""The directory that the workers obey: what its source says, and what running sessions still need."""

from __future__ import annotations

from collections.abc import Iterable

from ..routing.directory import Directory, DirectoryEntry, EntryState
from ..routing.hint import Route

__all__ = ["RoutesInForce"]


class RoutesInForce:
    """A directory and the entries that vanished from it while flows still lead there.

    An entry that its source no longer lists counts as draining until its last confirmed flow expires. Only an entry
    listed as dead stops at once; and one whose route or address the new directory gives to somebody else.
    """

    def __init__(self, directory: Directory) -> None:
        self._listed = directory
        self._kept: dict[Route, DirectoryEntry] = {}

    @property
    def entries(self) -> tuple[DirectoryEntry, ...]:
        """What is in force, dead entries included."""
        return (*self._listed.entries, *self._kept.values())

    @property
    def listed(self) -> Directory:
        """What the source says."""
        return self._listed

    @property
    def kept(self) -> tuple[Route, ...]:
        """Routes that are in force without being listed."""
        return tuple(self._kept)

    def replace(self, directory: Directory) -> None:
        """Take another directory, and keep of the entries before it those that it says nothing about."""
        for entry in self.entries:
            self._kept.pop(entry.route, None)
            is_overruled = directory.lookup(entry.route) or directory.lookup_address(entry.address)
            if entry.is_routed and not is_overruled:
                self._kept[entry.route] = entry._replace(state=EntryState.DRAINING)
        self._listed = directory

    def release(self, unused: Iterable[Route]) -> None:
        """Forget those of the kept routes that no flow leads to any more."""
        for route in unused:
            self._kept.pop(route, None)
