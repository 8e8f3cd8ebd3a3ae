"""A NAT on loopback that forgets its mappings when it is told to: what clients are given another address by.

::

    client ---> inside | outside ---> server            outside is another port after every :meth:`Nat.rebind`
"""

from __future__ import annotations

import asyncio
import socket

from rtcsplit.wire.address import Address
from rtcsplit.wire.packet import Kind, classify

__all__ = ["Nat"]

_Peer = tuple[str, int]
_REQUEST = bytes([0, 1])  # a STUN message's class and method (RFC 8489 section 5)


class Nat:
    """Carries the datagrams of one client, or of several of which each has its own port outside.

    Attributes:
        server: where datagrams go; to be set.
        outside: the addresses that the server has seen, the latest last.
        rebound_at: when it forgot its mappings last; of the loop, in seconds.
        checked_at: when a client's first binding request passed after that; Firefox sends indications besides.
        heard_at: when the server's first RTP datagram passed after that.
        kinds: what has passed since then, in either direction.
    """

    def __init__(self) -> None:
        self.server: Address | None = None
        self.outside: list[Address] = []
        self.rebound_at = 0.0
        self.kinds: set[Kind] = set()
        self.checked_at: float | None = None
        self.heard_at: float | None = None
        self._loop = asyncio.get_running_loop()
        self._inside = self._socket()
        self._loop.add_reader(self._inside, self._from_client)
        self._mappings: dict[_Peer, socket.socket] = {}

    @property
    def address(self) -> Address:
        """Where clients find the server."""
        return Address.of(*self._inside.getsockname())

    def rebind(self) -> None:
        """Forget all mappings: what is under way to the old ports is lost."""
        for sock in self._mappings.values():
            self._close(sock)
        self._mappings.clear()
        self.rebound_at, self.checked_at, self.heard_at = self._loop.time(), None, None
        self.kinds.clear()

    def close(self) -> None:
        """Carry nothing more."""
        self.rebind()
        self._close(self._inside)

    def _socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        return sock

    def _close(self, sock: socket.socket) -> None:
        self._loop.remove_reader(sock)
        sock.close()

    def _from_client(self) -> None:
        datagram, client = self._inside.recvfrom(2048)
        kind = classify(datagram)
        if datagram[:2] == _REQUEST and self.checked_at is None:
            self.checked_at = self._loop.time()
        if isinstance(kind, Kind):
            self.kinds.add(kind)
        sock = self._mappings.get(client)
        if sock is None:
            sock = self._mappings[client] = self._socket()
            self.outside.append(Address.of(*sock.getsockname()))
            self._loop.add_reader(sock, self._from_server, sock, client)
        assert self.server is not None
        sock.sendto(datagram, (self.server.host, self.server.port))

    def _from_server(self, sock: socket.socket, client: _Peer) -> None:
        datagram = sock.recv(2048)
        kind = classify(datagram)
        if kind is Kind.RTP and self.heard_at is None:
            self.heard_at = self._loop.time()
        if isinstance(kind, Kind):
            self.kinds.add(kind)
        self._inside.sendto(datagram, client)
