"""``csrc/pause.h``: pauses of less than a millisecond, as a descriptor for an event loop."""

from __future__ import annotations

import os

from ._rtcsplit import ffi, lib

__all__ = ["PauseTimer"]


class PauseTimer:
    """A descriptor that becomes readable when a pause is over.

    Raises:
        OSError: there is no descriptor to be had.
    """

    def __init__(self) -> None:
        self._fd: int = lib.rs_pause_open()
        if self._fd < 0:
            raise OSError(ffi.errno, os.strerror(ffi.errno))

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def begin(self, seconds: float) -> None:
        """Be readable ``seconds`` from now."""
        status = lib.rs_pause_begin(self._fd, seconds)
        assert status == lib.RS_OK

    def end(self) -> None:
        """Be readable no longer."""
        lib.rs_pause_end(self._fd)

    def close(self) -> None:
        """Close the descriptor. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
