"""The directory in force, in memory that outlives the process that forwards.

A process that is started later begins with it: with the entries that vanished from their source and still have flows,
and with all of them where the source, a Redis that is away for instance, has nothing to say just then.
"""

from __future__ import annotations

import os
import struct
import zlib

from ..errors import RtcsplitError
from ..routing.directory import Directory

__all__ = ["HeldDirectory"]

_HEAD = struct.Struct("=QII")  # magic, octets of the text that follows, their checksum
_MAGIC = 0x3130726964637472  # "rtcdir01" as it lies in memory


class HeldDirectory:
    """One directory, written by the process in charge.

    Args:
        fd: the memory, which stays the caller's; empty at first.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, directory: Directory) -> None:
        """Put a directory there, instead of the one before."""
        text = directory.to_toml().encode()
        # Whoever dies in between leaves a checksum that does not fit: then there is none.
        os.pwrite(self._fd, text, _HEAD.size)
        os.pwrite(self._fd, _HEAD.pack(_MAGIC, len(text), zlib.crc32(text)), 0)

    def read(self) -> Directory | None:
        """Return the directory, None where there is none that this version understands."""
        head = os.pread(self._fd, _HEAD.size, 0)
        if len(head) < _HEAD.size:
            return None
        magic, size, checksum = _HEAD.unpack(head)
        if magic != _MAGIC or _HEAD.size + size > os.fstat(self._fd).st_size:
            return None
        text = os.pread(self._fd, size, _HEAD.size)
        try:
            return Directory.from_toml(text.decode()) if zlib.crc32(text) == checksum else None
        except (RtcsplitError, UnicodeDecodeError):
            return None
