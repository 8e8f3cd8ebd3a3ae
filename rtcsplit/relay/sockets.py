"""The relay's sockets: one public address that workers share, one upstream address for each.

Where other relays are served, as many workers again share a second address, for those relays; the two kinds take turns,
so that workers that are added change nobody's place.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterable, Sequence

from .._native.socket_buffers import set_buffers, warn_of_small_buffers
from .._native.spread import spread_by_client, spread_by_kernel, spread_by_sender
from ..errors import ConfigurationError
from ..wire.address import Address
from .settings import RelaySettings

__all__ = ["WorkerSockets", "address_of", "open_more_sockets", "open_sockets", "steer", "tell_of_refusals"]

_IP_RECVERR, _IPV6_RECVERR = 11, 25  # Linux; the socket module does not name them

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
    made = _open_workers(settings, ())
    warn_of_small_buffers(made[0].public, settings.receive_buffer_bytes)
    steer(made, settings.workers)
    return made


def open_more_sockets(settings: RelaySettings, held: Sequence[WorkerSockets]) -> list[WorkerSockets]:
    """Bind the sockets of the workers that ``settings`` have beyond those that are held, or none.

    Nobody is heard there until :func:`steer`, from the first moment on: the process in charge does not know of them,
    and has no flow for a client whose first datagram went through one.

    Raises:
        ConfigurationError: as :func:`open_sockets`.
    """
    if settings.worker_count > len(held):
        _choose_first(held, len(held) // len(settings.kinds))
    return _open_workers(settings, held)


def steer(sockets: Sequence[WorkerSockets], workers: int) -> bool:
    """Let datagrams arrive at the first so many workers of each kind; the others keep what they have received.

    Returns:
        False if the kernel would not: then they arrive at all of them.
    """
    clients, relays = (_group(sockets, serves_relays=kind) for kind in (False, True))
    if workers < max(len(clients), len(relays)):
        return _choose_first(sockets, workers)
    if len(clients) > 1:
        spread_by_kernel(clients[0].public)
    return len(relays) < 2 or spread_by_client(relays[0].public, workers)


def _choose_first(sockets: Sequence[WorkerSockets], workers: int) -> bool:
    """Let datagrams arrive at the first so many workers of each kind, however many are bound from now on."""
    clients, relays = (_group(sockets, serves_relays=kind) for kind in (False, True))
    are_steered = not relays or spread_by_client(relays[0].public, workers)
    return (not clients or spread_by_sender(clients[0].public, workers)) and are_steered


def _group(sockets: Iterable[WorkerSockets], *, serves_relays: bool) -> list[WorkerSockets]:
    return [pair for pair in sockets if pair.serves_relays == serves_relays]


def _open_workers(settings: RelaySettings, held: Sequence[WorkerSockets]) -> list[WorkerSockets]:
    with contextlib.ExitStack() as opened:
        made: list[WorkerSockets] = []
        for index in range(len(held), settings.worker_count):
            serves_relays = settings.kinds[index % len(settings.kinds)]
            sharing = _group([*held, *made], serves_relays=serves_relays)
            public = opened.enter_context(_bind_shared(settings, [pair.public for pair in sharing], serves_relays))
            port = settings.upstream.port + index if settings.upstream.port else 0
            upstream = opened.enter_context(_bind(settings.upstream._replace(port=port), "relay.upstream", settings))
            made.append(WorkerSockets(public, upstream, serves_relays=serves_relays))
        opened.pop_all()
        return made


def _bind_shared(settings: RelaySettings, sharing: Sequence[socket.socket], serves_relays: bool) -> socket.socket:
    """Bind one socket more to an address that others may have.

    The first one is bound without SO_REUSEPORT, and so finds out where another relay has the address, which would
    silently get some of the datagrams.
    """
    address, setting = settings.listen, "relay.listen"
    if serves_relays:
        address, setting = settings.relay_listen, "relay.relay_listen"
    assert address is not None
    if sharing:
        address = address_of(sharing[0])
        sharing[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return _bind(address, setting, settings, is_shared=True)
    first = _bind(address, setting, settings)
    _prepare_to_share(first, setting, settings)
    return first


def _prepare_to_share(first: socket.socket, setting: str, settings: RelaySettings) -> None:
    """Let the kernel take a rule for who hears what before there is a second socket.

    It takes none for a socket that has never shared its address. A rule that came after the second socket would be
    late for what arrived in between.
    """
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _bind(address_of(first), setting, settings, is_shared=True).close()
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)


def address_of(sock: socket.socket) -> Address:
    """Return the address that a socket is bound to."""
    host, port = sock.getsockname()[:2]
    return Address.of(host, port)


def tell_of_refusals(sock: socket.socket) -> None:
    """Let a socket know that nobody receives where it sends to, as the kernel or a router of the way says."""
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)


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
    set_buffers(sock, buffer_bytes)
    timeout = struct.pack("ll", 0, _RECEIVE_TIMEOUT_MS * 1000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
