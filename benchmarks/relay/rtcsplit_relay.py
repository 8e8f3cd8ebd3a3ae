"""rtcsplit's relay in a process of its own, with one worker.

Usage: python -m benchmarks.relay.rtcsplit_relay TRANSCEIVER_PORT. Prints its port; ends with standard input.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from ipaddress import ip_network

from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry, EntryState
from rtcsplit.wire.address import Address

from .. import packets

LOOPBACK = Address.of("127.0.0.1", 0)
FLOWS = 1 << 20


async def main(transceiver_port: int) -> None:
    settings = RelaySettings(
        listen=LOOPBACK,
        upstream=LOOPBACK,
        workers=1,
        allow_client_networks=(ip_network("127.0.0.0/8"),),
        confirmed_flows=FLOWS,
    )
    transceiver = Address.of("127.0.0.1", transceiver_port)
    directory = Directory([DirectoryEntry(packets.ROUTE, transceiver, EntryState.ACTIVE)])
    async with Relay(settings, packets.KEYS, directory) as relay:
        print(relay.address.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    logging.disable()  # that loopback clients are admitted
    asyncio.run(main(int(sys.argv[1])))
