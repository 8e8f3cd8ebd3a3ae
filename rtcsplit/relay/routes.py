"""The directory that the workers obey: what its source says, and what running sessions still need."""

from __future__ import annotations

from collections.abc import Iterable

from ..routing.directory import Cluster, Directory, DirectoryEntry, EntryState
from ..routing.hint import Route

__all__ = ["RoutesInForce"]


class RoutesInForce:
    """A directory and what vanished from it while flows still lead there.

    An entry or a cluster that its source no longer lists counts as draining until its last confirmed flow expires. Only
    an entry listed as dead stops at once; and one whose route or address the new directory gives to somebody else.
    """

    def __init__(self, directory: Directory) -> None:
        self._listed = directory
        self._kept: dict[Route, DirectoryEntry] = {}
        self._kept_clusters: dict[int, Cluster] = {}

    @property
    def entries(self) -> tuple[DirectoryEntry, ...]:
        """What is in force, dead entries included."""
        return (*self._listed.entries, *self._kept.values())

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Those in force."""
        return (*self._listed.clusters, *self._kept_clusters.values())

    @property
    def in_force(self) -> Directory:
        """Both as one directory."""
        return Directory(self.entries, self.clusters)

    @property
    def listed(self) -> Directory:
        """What the source says."""
        return self._listed

    @property
    def kept(self) -> tuple[Route, ...]:
        """Routes that are in force without being listed."""
        return tuple(self._kept)

    @property
    def kept_clusters(self) -> tuple[int, ...]:
        """Clusters that are in force without being listed."""
        return tuple(self._kept_clusters)

    def replace(self, directory: Directory) -> None:
        """Take another directory, and keep of what was before it that which it says nothing about."""
        taken = {*directory.addresses()}
        listed = {cluster.id for cluster in directory.clusters}
        reached = listed | {entry.route.cluster for entry in directory.entries}
        entries, clusters = self.entries, self.clusters
        self._kept = {
            entry.route: entry._replace(state=EntryState.DRAINING)
            for entry in entries
            if entry.is_routed
            and entry.route.cluster not in listed
            and directory.lookup(entry.route) is None
            and entry.address not in taken
        }
        self._kept_clusters = {
            cluster.id: cluster
            for cluster in clusters
            if cluster.id not in reached and not taken.intersection(cluster.relays)
        }
        self._listed = directory

    def release(self, unused: Iterable[Route], unused_clusters: Iterable[int] = ()) -> None:
        """Forget those of the kept routes and clusters that no flow leads to any more."""
        for route in unused:
            self._kept.pop(route, None)
        for cluster in unused_clusters:
            self._kept_clusters.pop(cluster, None)
