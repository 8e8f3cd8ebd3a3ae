"""rtcsplit's relay in a process of its own, with one worker.

Usage: python -m benchmarks.relay.rtcsplit_relay [--runs] [--trunks] [--coalesce] TRANSCEIVER_PORT. Prints its port;
ends with standard input.
"""

from __future__ import annotations

import argparse
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
FLOWS = 131072


async def main(options: argparse.Namespace) -> None:
    settings = RelaySettings(
        listen=LOOPBACK,
        upstream=LOOPBACK,
        workers=1,
        allow_client_networks=(ip_network("127.0.0.0/8"),),
        confirmed_flows=options.flows,
        runs=options.runs,
        coalesce_us=250 if options.coalesce else 0,
    )
    transceiver = Address.of("127.0.0.1", options.port)
    directory = Directory([DirectoryEntry(packets.ROUTE, transceiver, EntryState.ACTIVE, options.trunks)])
    async with Relay(settings, packets.KEYS, directory) as relay:
        print(relay.address.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    logging.disable()  # that loopback clients are admitted
    parser = argparse.ArgumentParser()
    for option in ("--runs", "--trunks", "--coalesce"):
        parser.add_argument(option, action="store_true")
    parser.add_argument("--flows", type=int, default=FLOWS)
    parser.add_argument("port", type=int)
    asyncio.run(main(parser.parse_args()))
