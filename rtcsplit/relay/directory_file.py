"""The directory in a TOML file, read again when the file changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..routing.directory import Directory

__all__ = ["FileSource"]

Stamp = tuple[int, int, int] | None


class FileSource:
    """A :class:`~rtcsplit.relay.directory_follower.DirectorySource`.

    A file that changes is read when it has been the same for one interval, so that one that is being written is not
    taken for a short one. What was there when this object was made counts as read.

    Args:
        path: the file.
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

    def _stamp(self) -> Stamp:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
