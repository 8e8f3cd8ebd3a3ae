"""One relay process and one transceiver process on loopback, with a generated configuration and random keys.

These are the commands that an operator runs, `rtcsplit relay` and `rtcsplit transceiver`, each with its own file. The
files live in a temporary directory as long as the deployment does. Ports are picked free; on loopback nobody else
takes them in the moment before the processes bind them.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from ...errors import RtcsplitError

__all__ = ["Deployment", "Ports", "ProcessFailedError", "ServerProcess", "free_port"]

_HOST = "127.0.0.1"
_START_TIMEOUT = 15.0
_STOP_TIMEOUT = 5.0


class ProcessFailedError(RtcsplitError):
    """A process of the deployment did not start or ended too soon; the message has the end of its log."""


def free_port(kind: socket.SocketKind) -> int:
    """Return a port that is free on loopback now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a deployment, all on 127.0.0.1."""

    public: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    upstream: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    internal: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    signaling: int = field(default_factory=lambda: free_port(socket.SOCK_STREAM))
    relay_admin: int = field(default_factory=lambda: free_port(socket.SOCK_STREAM))
    transceiver_admin: int = field(default_factory=lambda: free_port(socket.SOCK_STREAM))


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


class Deployment:
    """A relay and a transceiver; an asynchronous context manager.

    Args:
        dtls_setup: the transceiver's DTLS role, as in its configuration.
        srtp_profiles: the transceiver's SRTP profiles, as in its configuration; all of them if empty.
        workers: worker threads of the relay.

    Attributes:
        ports: where they listen.
        relay: the relay's process, once entered.
        transceiver: the transceiver's process, once entered.
    """

    relay: ServerProcess
    transceiver: ServerProcess

    def __init__(self, *, dtls_setup: str = "auto", srtp_profiles: Sequence[str] = (), workers: int = 1) -> None:
        self.ports = Ports()
        self._settings = (dtls_setup, srtp_profiles, workers)
        self._stack = AsyncExitStack()

    @property
    def relay_address(self) -> str:
        """The one public UDP address, ``host:port``."""
        return f"{_HOST}:{self.ports.public}"

    @property
    def transceiver_address(self) -> str:
        """The transceiver's internal UDP address, ``host:port``."""
        return f"{_HOST}:{self.ports.internal}"

    @property
    def whip_url(self) -> str:
        """The transceiver's WHIP endpoint."""
        return f"http://{_HOST}:{self.ports.signaling}/whip"

    @property
    def relay_metrics_url(self) -> str:
        """The relay's counters in Prometheus' text format."""
        return f"http://{_HOST}:{self.ports.relay_admin}/metrics"

    async def __aenter__(self) -> Deployment:
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rtcsplit-")))
            _write_configuration(folder, self.ports, *self._settings)
            self.relay = ServerProcess("relay", folder / "relay.toml", folder / "relay.log")
            self.transceiver = ServerProcess("transceiver", folder / "transceiver.toml", folder / "transceiver.log")
            for process in (self.relay, self.transceiver):
                self._stack.push_async_callback(process.stop)
            await asyncio.gather(self.relay.start(), self.transceiver.start())
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def _environment() -> dict[str, str]:
    """Ours without rtcsplit's settings, which would override the generated files."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RTCSPLIT_")}


def _write_configuration(
    folder: Path, ports: Ports, dtls_setup: str, srtp_profiles: Sequence[str], workers: int
) -> None:
    """Write the four files of an operator: hint keys and directory shared, one file for each process."""
    files = {
        "keys.toml": f'mint = 1\n\n[secrets]\n1 = "{secrets.token_hex(32)}"\n',
        "directory.toml": (
            f'[[transceiver]]\ncluster = 1\nid = 1\naddress = "{_HOST}:{ports.internal}"\nstate = "active"\n'
        ),
        "relay.toml": (
            f'[relay]\nlisten = "{_HOST}:{ports.public}"\nupstream = "{_HOST}:{ports.upstream}"\n'
            f'workers = {workers}\ndirectory = "directory.toml"\nallow_client_networks = ["127.0.0.0/8", "::1/128"]\n'
            f"drain_seconds = 0\n"
            f'\n[hint_keys]\nfile = "keys.toml"\n\n[admin]\nlisten = "{_HOST}:{ports.relay_admin}"\n'
        ),
        "transceiver.toml": (
            f'[transceiver]\ncluster = 1\nid = 1\nlisten = "{_HOST}:{ports.internal}"\n'
            f'advertise = ["{_HOST}:{ports.public}"]\nrelay_networks = ["127.0.0.0/8"]\napplication = "echo"\n'
            f'dtls_setup = "{dtls_setup}"\ndrain_seconds = 0\n'
            + (f"srtp_profiles = {list(srtp_profiles)!r}\n".replace("'", '"') if srtp_profiles else "")
            + f'\n[hint_keys]\nfile = "keys.toml"\n\n[signaling]\nlisten = "{_HOST}:{ports.signaling}"\n'
            f'allow_anonymous = true\n\n[admin]\nlisten = "{_HOST}:{ports.transceiver_admin}"\n'
        ),
    }
    for name, text in files.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text)
