"""The registry in a folder: one file for each transceiver, which relays read as parts of their directory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from ..errors import ConfigurationError
from ..routing.announcement import Announced
from ..routing.directory import Directory, DirectoryEntry

__all__ = ["FileRegistry"]

_log = logging.getLogger(__name__)


class FileRegistry:
    """A :class:`~rtcsplit.relay.registration.Registry`, of transceivers alone.

    A file is there whole or not at all: it is written beside its place and moved.

    Args:
        folder: on this host, or shared by the hosts.
        setting: dotted name of the setting that named it, for the error.
    """

    renew_seconds = 2.0  # a file that somebody removed comes again

    def __init__(self, folder: Path, *, setting: str = "transceiver.announce_to") -> None:
        self._folder = folder
        self._setting = setting
        self._has_failed = False

    def check_access(self) -> None:
        """Try once whether files can be made there.

        Raises:
            ConfigurationError: they cannot.
        """
        probe = self._folder / ".probe"
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            expected = f"a folder to write to ({error.strerror})"
            raise ConfigurationError(self._setting, str(self._folder), expected) from None

    async def announce(self, entry: Announced) -> bool:
        """Write the file, unless it is there already; False where that is impossible now."""
        return await self._try(_write, *self._file_of(entry))

    async def withdraw(self, entry: Announced) -> None:
        """Remove the file; one that cannot be removed stays, as the log says."""
        await self._try(_remove, self._file_of(entry)[0])

    async def _try(self, change: Callable[..., None], *arguments: Path | str) -> bool:
        """In another thread: a file system may take its time, and calls have none. Said once, until it works again."""
        try:
            await asyncio.to_thread(change, *arguments)
        except OSError as error:
            if not self._has_failed:
                _log.warning("announcement_failed", extra={"reason": str(error)})
            self._has_failed = True
            return False
        self._has_failed = False
        return True

    def _file_of(self, entry: Announced) -> tuple[Path, str]:
        assert isinstance(entry, DirectoryEntry)
        name = f"{entry.route.cluster}-{entry.route.transceiver}.toml"
        return self._folder / name, Directory([entry]).to_toml()


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        beside = path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
