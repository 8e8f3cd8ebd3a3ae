"""A worker of ``rtcsplit transceiver`` or ``gateway``: started with ``python -m rtcsplit.cli.worker``.

It has its configuration from the same file, with ids and ports of its own, and its requests from the process that
started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from pathlib import Path

import click

from ..errors import RtcsplitError
from ..transceiver import packet_loop
from .config import GatewayConfig, TransceiverConfig
from .loading import Source, source_options
from .logs import set_up_logs
from .refusal import refuse
from .worker_config import of_worker
from .worker_host import WorkerHost

__all__ = ["main"]


@click.command()
@source_options
@click.option("--role", type=click.Choice(["transceiver", "gateway"]), required=True, help="Whose worker this is.")
@click.option("--index", type=int, required=True, help="Which one.")
@click.option("--control", type=int, required=True, help="Descriptor of the socket to the process that started it.")
def main(config: Path, settings: tuple[str, ...], role: str, index: int, control: int) -> None:
    """Serve calls for another process."""
    set_up_logs(role)
    source = Source(config, settings)

    async def serve() -> None:
        host = WorkerHost(socket.socket(fileno=control), index)
        with contextlib.suppress(asyncio.CancelledError):
            if role == "gateway":
                from .gateway import serve_gateway

                read = lambda: of_worker(source.read(GatewayConfig), index)  # noqa: E731
                await serve_gateway(host, read, folder=config.parent)
            else:
                from .transceiver import serve_transceiver

                await serve_transceiver(host, lambda: of_worker(source.read(TransceiverConfig), index))

    try:
        packet_loop.run(serve())
    except RtcsplitError as error:
        sys.exit(refuse(error))


if __name__ == "__main__":
    main()
