"""One `rtcsplit` command in a process of its own, as an operator starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from ...errors import RtcsplitError

__all__ = ["ProcessFailedError", "ServerProcess"]

_START_TIMEOUT = 15.0
_STOP_TIMEOUT = 5.0


class ProcessFailedError(RtcsplitError):
    """A process of the deployment did not start or ended too soon; the message has the end of its log."""


class ServerProcess:
    """One `rtcsplit` command that serves until it is told to stop.

    Args:
        role: the command, ``relay`` or ``transceiver``.
        configuration: its file.
        log: where its standard error goes.
    """

    def __init__(self, role: str, configuration: Path, log: Path) -> None:
        self._role = role
        self._command = (sys.executable, "-m", "rtcsplit", role, "--config", str(configuration))
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id; valid between :meth:`start` and :meth:`stop`."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start the process and return once it serves, which it says by a line on its standard output.

        Raises:
            ProcessFailedError: it ended, or does not serve within 15 s; it does not run any more.
        """
        with self._log.open("ab") as log:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=_environment(),
            )
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT)
        except asyncio.TimeoutError:
            await self.stop()
            raise ProcessFailedError(self._failure(f"does not serve after {_START_TIMEOUT:g} s")) from None
        if not line:
            raise ProcessFailedError(self._failure(f"ended with status {await process.wait()}"))

    async def stop(self) -> None:
        """Ask the process to end, wait until it has; end it the hard way after 5 s. Does nothing the second time."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()

    async def kill(self) -> None:
        """End the process the way a crash does, with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    def _failure(self, what: str) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"rtcsplit {self._role} {what}", *(f"  {line}" for line in lines)])


def _environment() -> dict[str, str]:
    """Ours without rtcsplit's settings, which would override the generated files."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RTCSPLIT_")}
