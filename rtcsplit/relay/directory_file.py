"""The directory in a TOML file, or in all those of a folder, read again when one changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import ConfigurationError
from ..routing.directory import Directory
from .directory_follower import Networks, consistent

__all__ = ["FileSource", "read_folder"]

FileStamp = tuple[int, str, int, int]  # when it changed last, and what tells it from another of that time


class FileSource:
    """A :class:`~rtcsplit.relay.directory_follower.DirectorySource`.

    A file that changes is read when it has been the same for one interval, so that one that is being written is not
    taken for a short one. What was there when this object was made counts as read.

    Args:
        path: the file, or the folder.
        read: reads and checks it.
    """

    interval = 1.0

    def __init__(self, path: Path, read: Callable[[], Directory]) -> None:
        self._path = path
        self._read = read
        self._seen = self._used = self._stamp()

    async def read(self) -> Directory | None:
        """Return the directory of a file that has changed."""
        stamp = self._stamp()
        is_settled = stamp == self._seen
        self._seen = stamp
        if stamp == self._used or not is_settled:
            return None
        self._used = stamp
        return self._read()

    def _stamp(self) -> tuple[FileStamp, ...]:
        files = _files(self._path) if self._path.is_dir() else [self._path]
        return tuple(found for file in files if (found := _stamp_of(file)) is not None)


def read_folder(folder: Path, networks: Networks, *, is_ipv4_only: bool, setting: str) -> Directory:
    """Return the directory of all ``*.toml`` of a folder, which may have a writer each.

    Of two entries that contradict each other the one in the newer file counts; an entry outside of ``networks`` is
    left out.

    Args:
        folder: of directory files.
        networks: where transceivers may be; everywhere if empty.
        is_ipv4_only: whether the relay's upstream side has no IPv6.
        setting: dotted name of the setting that named it, for the error.

    Raises:
        ConfigurationError: one of the files is no directory.
    """
    stamped = [(stamp, file) for file in _files(folder) if (stamp := _stamp_of(file)) is not None]
    newest_first = [file for _, file in sorted(stamped, reverse=True)]
    parts = [part for file in newest_first if (part := _part(file, setting)) is not None]
    entries = [entry for part in parts for entry in part.entries]
    clusters = {cluster.id: cluster for part in reversed(parts) for cluster in part.clusters}
    return consistent(entries, networks, is_ipv4_only=is_ipv4_only, clusters=clusters.values())


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


def _stamp_of(file: Path) -> FileStamp | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, file.name, status.st_size, status.st_ino


def _part(file: Path, setting: str) -> Directory | None:
    """What one file says; None where it has gone meanwhile."""
    try:
        return Directory.from_file(file, setting=setting)
    except ConfigurationError as error:
        if not file.exists():
            return None
        raise ConfigurationError(f"{file.name}: {error.key}", error.value, error.expected) from None
