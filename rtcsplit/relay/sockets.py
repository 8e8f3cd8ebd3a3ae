"""The relay's sockets: one public address shared by all workers, one upstream address for each."""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from ..errors import ConfigurationError
from ..wire.address import Address
from .settings import RelaySettings

__all__ = ["WorkerSockets", "open_sockets"]

# How long a worker's thread stays in the kernel when nothing comes: the longest that a stop or a free takes.
_RECEIVE_TIMEOUT_MS = 100


class WorkerSockets:
    """A worker's public and upstream socket.

    Attributes:
        public: receives from clients and sends to them.
        upstream: receives from transceivers and sends to them.
    """

    def __init__(self, public: socket.socket, upstream: socket.socket) -> None:
        self.public = public
        self.upstream = upstream

    def close(self) -> None:
        """Close both; again does nothing."""
        self.public.close()
        self.upstream.close()


def open_sockets(settings: RelaySettings) -> list[WorkerSockets]:
    """Bind the sockets of all workers, or none.

    Raises:
        ConfigurationError: names ``relay.listen`` or ``relay.upstream`` and what the kernel said.
    """
    listen = settings.listen
    is_shared = settings.workers > 1
    if is_shared and listen.port:
        # Another relay may share this port by SO_REUSEPORT and would silently get half of the clients. A socket
        # without the option cannot be bound beside it, and so finds out.
        _bind(listen, "relay.listen", settings).close()
    with contextlib.ExitStack() as opened:
        made = []
        for index in range(settings.workers):
            public = opened.enter_context(_bind(listen, "relay.listen", settings, is_shared=is_shared))
            listen = address_of(public)
            port = settings.upstream.port + index if settings.upstream.port else 0
            upstream = opened.enter_context(_bind(settings.upstream._replace(port=port), "relay.upstream", settings))
            made.append(WorkerSockets(public, upstream))
        opened.pop_all()
        return made


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
