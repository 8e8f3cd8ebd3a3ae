"""``csrc/seats.h``, and memory that outlives the process that forwards."""

from __future__ import annotations

import mmap
import os
from typing import Any

from ..errors import NativeError
from ._rtcsplit import ffi, lib

__all__ = ["Seats", "die_with", "new_memory"]

SIZE: int = ffi.sizeof("struct rs_seats")


def new_memory(name: str) -> int:
    """Return a descriptor of empty shared memory; ``name`` is for people who look at /proc."""
    return os.memfd_create(name, os.MFD_CLOEXEC)


class Seats:
    """The seats in shared memory, made by whoever is the first to see it empty.

    Args:
        fd: the memory, which stays the caller's.

    Raises:
        NativeError: it holds something else.
    """

    def __init__(self, fd: int) -> None:
        if os.fstat(fd).st_size == 0:
            os.ftruncate(fd, SIZE)
        try:
            self._memory = mmap.mmap(fd, SIZE)
        except (OSError, ValueError):
            raise NativeError("the memory of the seats is too small") from None
        self.pointer: Any = ffi.cast("struct rs_seats *", ffi.from_buffer(self._memory))
        if lib.rs_seats_init(self.pointer, SIZE) != lib.RS_OK:
            raise NativeError("the memory of the seats holds something else")


def die_with(parent: int) -> bool:
    """Let the kernel kill this process when ``parent``, which started it, ends; False if that has ended already."""
    status: int = lib.rs_seats_die_with(parent)
    if status == lib.RS_SYSTEM:
        raise OSError(ffi.errno, os.strerror(ffi.errno))
    return bool(status == lib.RS_OK)
