"""rtcsplit as a contender: the built-in echo, the same with each packet handed to Python, and through a relay."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_network
from multiprocessing.connection import Connection

from rtcsplit.gateway.echo import Echo
from rtcsplit.media.duration import payload_duration
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory, DirectoryEntry
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.transceiver.application import Application
from rtcsplit.transceiver.call import Call
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from rtcsplit.wire.rtp import RtpPacket

from .serving import serve

__all__ = ["CONTENDERS", "DIRECT", "serve_application"]

_ANY = Address.of("127.0.0.1", 0)
_LOOPBACK = ip_network("127.0.0.0/8")
_KEYS = RoutingKeys({0: bytes(range(32))}, minting=0)
_ROUTE = Route(1, 1)


class EchoAndCallback(Echo):
    """Each packet goes back by itself, and to Python besides."""

    def __init__(self) -> None:
        self.octets = 0

    def call_connected(self, call: Call) -> None:
        call.start_echo(delivers=True)

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        self.octets += len(packet.payload)


class EchoFromPython(Echo):
    """Each packet is handed to Python, which sends it back."""

    def call_connected(self, call: Call) -> None:
        """It begins with the first packet."""

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        duration = payload_duration(call.codec(packet.payload_type), packet.payload)
        if duration is not None:
            call.send_audio(packet.payload, duration=duration, payload_type=packet.payload_type)


async def serve_application(connection: Connection, application: Application, settings: TransceiverSettings) -> None:
    async with Transceiver(settings, application=application) as transceiver:

        async def accept(offer: bytes) -> str:
            return (await transceiver.accept(offer)).answer

        await serve(connection, accept)


async def _serve_relayed(connection: Connection) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    relay = multiprocessing.get_context("spawn").Process(target=_run_relay, args=(theirs,), daemon=True)
    relay.start()
    public: Address = ours.recv()
    settings = TransceiverSettings(listen=_ANY, advertise=(public,), route=_ROUTE, relay_networks=(_LOOPBACK,))
    async with Transceiver(settings, application=Echo(), keys=_KEYS) as transceiver:
        ours.send(transceiver.address)

        async def accept(offer: bytes) -> str:
            return (await transceiver.accept(offer)).answer

        await serve(connection, accept, relay_pid=relay.pid)


def _run_relay(connection: Connection) -> None:
    asyncio.run(_relay(connection))


async def _relay(connection: Connection) -> None:
    settings = RelaySettings(_ANY, _ANY, allow_client_networks=(_LOOPBACK,), pins_workers=False)
    directory = Directory([])
    async with Relay(settings, _KEYS, directory) as relay:
        connection.send(relay.address)
        transceiver = await asyncio.get_running_loop().run_in_executor(None, connection.recv)
        relay.replace_directory(Directory([DirectoryEntry(_ROUTE, transceiver)]))
        with suppress(EOFError):  # the server is gone
            await asyncio.get_running_loop().run_in_executor(None, connection.recv)


def _with(make: Callable[[], Application], settings: TransceiverSettings) -> Callable[[Connection], Awaitable[None]]:
    return lambda connection: serve_application(connection, make(), settings)


DIRECT = TransceiverSettings(listen=_ANY)
CONTENDERS: dict[str, Callable[[Connection], Awaitable[None]]] = {
    "rtcsplit": _with(Echo, DIRECT),
    "rtcsplit-asyncio": _with(Echo, DIRECT),
    "rtcsplit-extensions": _with(Echo, DIRECT),
    "rtcsplit-nack": _with(Echo, DIRECT),
    "rtcsplit-callback": _with(EchoAndCallback, DIRECT),
    "rtcsplit-python": _with(EchoFromPython, DIRECT),
    "rtcsplit-at-once": _with(Echo, TransceiverSettings(listen=_ANY, gather=0.0)),
    "rtcsplit-3ms": _with(Echo, TransceiverSettings(listen=_ANY, gather=0.003)),
    "rtcsplit-relayed": _serve_relayed,
}
