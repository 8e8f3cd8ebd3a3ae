"""The relay as one would write it with asyncio: two datagram endpoints and a dictionary of flows.

It does what rtcsplit's relay does per datagram, in the plainest way that is not slow on purpose: a binding request is
routed by the hint in its USERNAME, anything else by its sender's flow; the Simple Proxy Protocol header goes in front
and comes off again. Headers and addresses are made once per flow. Messages and hints are read by rtcsplit's own C
functions, the fastest that Python can call. What it leaves out, in its favour: bounds on flows, denied addresses,
counters, more than one flow per client address.

Usage: python -m benchmarks.relay.asyncio_relay TRANSCEIVER_PORT. Prints its port; ends with standard input.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import dataclass

from rtcsplit.drops import DropReason
from rtcsplit.routing.hint import Route
from rtcsplit.wire import spp, stun
from rtcsplit.wire.address import Address

from .. import packets

SocketAddress = tuple[str, int]

EMBRYONIC_SECONDS = 10.0
CONFIRMED_SECONDS = 60.0
BUFFER_BYTES = 4194304
_BINDING_REQUEST = b"\x00\x01"


@dataclass(slots=True)
class Flow:
    client: SocketAddress
    transceiver: SocketAddress
    header: bytes
    expiry: float


class Relay:
    def __init__(self, directory: dict[Route, SocketAddress]) -> None:
        self.directory = directory
        self.transceivers = set(directory.values())
        self.flows: dict[SocketAddress, Flow] = {}
        self.by_header: dict[bytes, Flow] = {}
        self.drops = 0
        self.loop = asyncio.get_running_loop()

    async def start(self) -> int:
        self.public, _ = await self.loop.create_datagram_endpoint(lambda: PublicSide(self), local_addr=("127.0.0.1", 0))
        self.upstream, _ = await self.loop.create_datagram_endpoint(
            lambda: UpstreamSide(self), local_addr=("127.0.0.1", 0)
        )
        for side in (self.public, self.upstream):
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self.proxy = Address.of(*self.public.get_extra_info("sockname"))
        return self.proxy.port

    def route(self, data: bytes, client: SocketAddress) -> Flow | None:
        """Return the flow that a datagram of ``client`` belongs to, new for a request whose hint opens."""
        if data[:2] == _BINDING_REQUEST:
            return self.route_request(data, client)
        first = data[0] if data else 255
        if first < 4 or 20 <= first < 64 or 128 <= first < 192:
            flow = self.flows.get(client)
            if flow is not None and flow.expiry > self.loop.time():
                return flow
        return None

    def route_request(self, data: bytes, client: SocketAddress) -> Flow | None:
        ufrag = stun.server_ufrag(data)
        hint = None if isinstance(ufrag, DropReason) else packets.KEYS.open(ufrag)
        transceiver = None if hint is None else self.directory.get(hint.route)
        if transceiver is None:
            return None
        flow = self.flows.get(client)
        if flow is None or flow.transceiver != transceiver:
            header = spp.build(Address.of(*client), self.proxy)
            flow = Flow(client, transceiver, header, self.loop.time() + EMBRYONIC_SECONDS)
            self.flows[client] = self.by_header[header] = flow
        return flow


class PublicSide(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay) -> None:
        self.relay = relay

    def datagram_received(self, data: bytes, addr: SocketAddress) -> None:
        flow = self.relay.route(data, addr)
        if flow is None:
            self.relay.drops += 1
        else:
            self.relay.upstream.sendto(flow.header + data, flow.transceiver)


class UpstreamSide(asyncio.DatagramProtocol):
    def __init__(self, relay: Relay) -> None:
        self.relay = relay

    def datagram_received(self, data: bytes, addr: SocketAddress) -> None:
        flow = self.relay.by_header.get(data[: spp.SIZE])
        if flow is None or addr != flow.transceiver or len(data) == spp.SIZE:
            self.relay.drops += 1
            return
        if data[spp.SIZE] > 3:
            flow.expiry = self.relay.loop.time() + CONFIRMED_SECONDS
        self.relay.public.sendto(data[spp.SIZE :], flow.client)


async def main(transceiver_port: int) -> None:
    relay = Relay({packets.ROUTE: ("127.0.0.1", transceiver_port)})
    print(await relay.start(), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
