"""The registry in a folder: one file for each transceiver, which relays read as parts of their directory."""

from __future__ import annotations

import contextlib
import logging
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
        path, text = self._file_of(entry)
        try:
            if not path.exists() or path.read_text() != text:
                beside = path.with_suffix(".new")
                beside.write_text(text)
                beside.replace(path)
        except OSError as error:
            self._note(error)
            return False
        self._note(None)
        return True

    async def withdraw(self, entry: Announced) -> None:
        """Remove the file; one that cannot be removed stays, as the log says."""
        with contextlib.suppress(FileNotFoundError):
            try:
                self._file_of(entry)[0].unlink()
            except PermissionError as error:
                self._note(error)

    def _file_of(self, entry: Announced) -> tuple[Path, str]:
        assert isinstance(entry, DirectoryEntry)
        name = f"{entry.route.cluster}-{entry.route.transceiver}.toml"
        return self._folder / name, Directory([entry]).to_toml()

    def _note(self, error: OSError | None) -> None:
        """Say once that it does not work, and no more until it did."""
        if error is not None and not self._has_failed:
            _log.warning("announcement_failed", extra={"reason": str(error)})
        self._has_failed = error is not None
