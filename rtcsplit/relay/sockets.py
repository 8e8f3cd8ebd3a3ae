"""The relay's sockets: one public address that workers share, one upstream address for each.

Where other relays are served, as many workers again share a second address, for those relays.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from .._native.spread import spread_by_client
from ..errors import ConfigurationError
from ..wire.address import Address
from .settings import RelaySettings

__all__ = ["WorkerSockets", "open_sockets"]

# How long a worker's thread stays in the kernel when nothing comes: the longest that a stop or a free takes.
_RECEIVE_TIMEOUT_MS = 100


class WorkerSockets:
    """A worker's public and upstream socket.

    Attributes:
        public: receives from clients and sends to them; or from other relays, and to them.
        upstream: receives from transceivers and sends to them.
        serves_relays: whether other relays are there instead of clients.
    """

    def __init__(self, public: socket.socket, upstream: socket.socket, *, serves_relays: bool = False) -> None:
        self.public = public
        self.upstream = upstream
        self.serves_relays = serves_relays

    def close(self) -> None:
        """Close both; again does nothing."""
        self.public.close()
        self.upstream.close()


def open_sockets(settings: RelaySettings) -> list[WorkerSockets]:
    """Bind the sockets of all workers, or none.

    Raises:
        ConfigurationError: names the key, ``relay.listen`` for instance, and what the kernel said.
    """
    with contextlib.ExitStack() as opened:
        shared = [(sock, False) for sock in _bind_shared(settings.listen, "relay.listen", settings, opened)]
        if settings.relay_listen is not None:
            for_relays = _bind_shared(settings.relay_listen, "relay.relay_listen", settings, opened)
            if len(for_relays) > 1:
                spread_by_client(for_relays[0], len(for_relays))
            shared += [(sock, True) for sock in for_relays]
        made = []
        for index, (public, serves_relays) in enumerate(shared):
            port = settings.upstream.port + index if settings.upstream.port else 0
            upstream = opened.enter_context(_bind(settings.upstream._replace(port=port), "relay.upstream", settings))
            made.append(WorkerSockets(public, upstream, serves_relays=serves_relays))
        opened.pop_all()
        return made


def _bind_shared(
    address: Address, setting: str, settings: RelaySettings, opened: contextlib.ExitStack
) -> list[socket.socket]:
    """Bind a socket for each worker to one address."""
    is_shared = settings.workers > 1
    if is_shared and address.port:
        # Another relay may share this port by SO_REUSEPORT and would silently get half of the clients. A socket
        # without the option cannot be bound beside it, and so finds out.
        _bind(address, setting, settings).close()
    sockets: list[socket.socket] = []
    for _ in range(settings.workers):
        bound = address_of(sockets[0]) if sockets else address
        sockets.append(opened.enter_context(_bind(bound, setting, settings, is_shared=is_shared)))
    return sockets


def address_of(sock: socket.socket) -> Address:
    """Return the address that a socket is bound to."""
    host, port = sock.getsockname()[:2]
    return Address.of(host, port)


def _bind(address: Address, setting: str, settings: RelaySettings, *, is_shared: bool = False) -> socket.socket:
    family = socket.AF_INET if address.is_ipv4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        _set_options(sock, settings.receive_buffer_bytes, is_shared=is_shared)
        sock.bind((address.host, address.port))
    except OSError as error:
        sock.close()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigurationError(setting, str(address), f"an address and port that can be bound ({reason})") from None
    return sock


def _set_options(sock: socket.socket, buffer_bytes: int, *, is_shared: bool) -> None:
    if sock.family == socket.AF_INET6:
        # The wildcard takes IPv4 too, in mapped form; any other address is IPv6 anyway.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if is_shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, buffer_bytes)
    timeout = struct.pack("ll", 0, _RECEIVE_TIMEOUT_MS * 1000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
