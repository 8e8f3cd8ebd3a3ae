"""A relay process, a transceiver process and, if asked for, a gateway process on loopback.

These are the commands that an operator runs, `rtcsplit relay`, `rtcsplit transceiver` and `rtcsplit gateway`, each
with its own generated file. The files live in a temporary directory as long as the deployment does. Ports are picked
free; on loopback nobody else takes them in the moment before the processes bind them.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from .deployment_files import HOST, Ports, Settings, write_files
from .server_process import ServerProcess

__all__ = ["Deployment", "Settings"]


class Deployment:
    """The processes; an asynchronous context manager.

    Args:
        settings: of all of them.

    Attributes:
        ports: where they listen.
        folder: of the files, once entered.
        relay: the relay's process, once entered.
        transceiver: the transceiver's process, which echoes, once entered.
        gateway: the gateway's process, once entered; None without a backend.
    """

    folder: Path
    relay: ServerProcess
    transceiver: ServerProcess
    gateway: ServerProcess | None

    def __init__(self, settings: Settings | None = None) -> None:
        self.ports = Ports()
        self._settings = settings or Settings()
        self._stack = AsyncExitStack()

    @property
    def relay_address(self) -> str:
        """The one public UDP address, ``host:port``."""
        return f"{HOST}:{self.ports.public}"

    @property
    def transceiver_address(self) -> str:
        """The transceiver's internal UDP address, ``host:port``."""
        return f"{HOST}:{self.ports.internal}"

    @property
    def whip_url(self) -> str:
        """The transceiver's WHIP endpoint."""
        return f"http://{HOST}:{self.ports.signaling}/whip"

    @property
    def realtime_url(self) -> str:
        """The gateway's Realtime API."""
        return f"http://{HOST}:{self.ports.gateway_signaling}/v1/realtime"

    @property
    def gateway_address(self) -> str:
        """The gateway's internal UDP address, ``host:port``."""
        return f"{HOST}:{self.ports.gateway_internal}"

    @property
    def gateway_metrics_url(self) -> str:
        """The gateway's counters in Prometheus' text format."""
        return f"http://{HOST}:{self.ports.gateway_admin}/metrics"

    @property
    def relay_metrics_url(self) -> str:
        """The relay's counters in Prometheus' text format."""
        return f"http://{HOST}:{self.ports.relay_admin}/metrics"

    async def __aenter__(self) -> Deployment:
        try:
            folder = self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rtcsplit-")))
            write_files(folder, self.ports, self._settings)
            self.relay, self.transceiver = self._process("relay", folder), self._process("transceiver", folder)
            self.gateway = None if self._settings.backend_url is None else self._process("gateway", folder)
            started = [process for process in (self.relay, self.transceiver, self.gateway) if process is not None]
            await asyncio.gather(*(process.start() for process in started))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _process(self, role: str, folder: Path) -> ServerProcess:
        process = ServerProcess(role, folder / f"{role}.toml", folder / f"{role}.log")
        self._stack.push_async_callback(process.stop)
        return process
