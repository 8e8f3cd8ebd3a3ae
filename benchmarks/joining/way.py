"""A way between clients and one server, in user space: delay, seeded loss, and when what passed for the first time."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable

from rtcsplit.wire.address import Address
from rtcsplit.wire.packet import Kind, classify

__all__ = ["Way"]


class Way:
    """Carries datagrams in both directions, like a NAT: each client address has its own socket at the server's side.

    Args:
        delay: seconds, each way.
        loss: share of the datagrams that is lost, each way.
        seed: of what is lost.

    Attributes:
        uplink: when the first datagram of each kind left a client, whether or not it was lost then.
        downlink: when the first one of each kind reached a client.
        has_audio: set once a client has sent RTP.
        server: where datagrams go; to be set.
    """

    def __init__(self, delay: float, loss: float = 0.0, seed: int = 1) -> None:
        self.uplink: dict[Kind, float] = {}
        self.downlink: dict[Kind, float] = {}
        self.has_audio = asyncio.Event()
        self.server: Address | None = None
        self._delay, self._loss = delay, loss
        self._chance = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._public = self._socket()
        self._loop.add_reader(self._public, self._from_clients)
        self._upstream: dict[tuple[str, int], socket.socket] = {}

    @property
    def address(self) -> Address:
        """Where clients find the server."""
        return Address.of(*self._public.getsockname())

    def close(self) -> None:
        """Carry nothing more."""
        for sock in (self._public, *self._upstream.values()):
            self._loop.remove_reader(sock)
            sock.close()

    def _socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        return sock

    def _from_clients(self) -> None:
        datagram, client = self._public.recvfrom(2048)
        self._note(self.uplink, datagram)
        if Kind.RTP in self.uplink:
            self.has_audio.set()
        upstream = self._upstream.get(client)
        if upstream is None:
            upstream = self._upstream[client] = self._socket()
            self._loop.add_reader(upstream, self._from_server, upstream, client)
        server = self.server
        assert server is not None
        self._carry(lambda: upstream.sendto(datagram, (server.host, server.port)))

    def _from_server(self, upstream: socket.socket, client: tuple[str, int]) -> None:
        datagram = upstream.recv(2048)

        def arrive() -> None:
            self._note(self.downlink, datagram)
            self._public.sendto(datagram, client)

        self._carry(arrive)

    def _carry(self, arrive: Callable[[], object]) -> None:
        if self._chance.random() >= self._loss:
            self._loop.call_later(self._delay, lambda: self._public.fileno() < 0 or arrive())

    def _note(self, first: dict[Kind, float], datagram: bytes) -> None:
        kind = classify(datagram)
        if isinstance(kind, Kind):
            first.setdefault(kind, self._loop.time())
