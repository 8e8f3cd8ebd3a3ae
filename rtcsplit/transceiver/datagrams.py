"""The transceiver's one UDP socket as batches of datagrams with their paths.

In relay mode every datagram carries a Simple Proxy Protocol header, taken only from the configured networks; in
direct mode there is no header and a path has no ``via``. Above this nothing differs between the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from .._native.udp import BATCH, PATH, PathSocket
from ..drops import DropReason
from ..wire.address import Address, Path, Via
from ..wire.network import mapped_network
from ..wire.packet import Kind

__all__ = ["DatagramBatch", "ReceivedDatagram"]

_KINDS = {int(kind.value): kind for kind in Kind}
_NOWHERE = Address(bytes(16), 0)
# Both maps are caches of a pure conversion: emptied when full, so that strangers' addresses cannot make them grow.
_CACHE_LIMIT = 16384


class ReceivedDatagram(NamedTuple):
    """A datagram that may concern a session.

    Attributes:
        payload: what the client sent, without the header.
        path: the client and, in relay mode, the way back to it.
        kind: what its first octets say it is (RFC 7983).
    """

    payload: bytes
    path: Path
    kind: Kind


class DatagramBatch:
    """Receives and sends on a bound UDP socket without ever waiting; made for ``loop.add_reader``.

    Args:
        fd: file descriptor of the socket, which stays the caller's and has to outlive this.
        relay_networks: where relays may be; their datagrams carry the header, all others are dropped. None: direct
            mode.

    Attributes:
        drops: how many datagrams were dropped here, in either direction, by reason. Grows; the caller may clear it.
        received: how many datagrams were handed up.
        sent: how many the kernel took.

    Raises:
        OSError: ``fd`` is no bound IPv4 or IPv6 UDP socket.
    """

    def __init__(self, fd: int, relay_networks: Iterable[IPv4Network | IPv6Network] | None = None) -> None:
        networks = None if relay_networks is None else [mapped_network(network) for network in relay_networks]
        self._socket = PathSocket(fd, networks)
        self._is_relayed = networks is not None
        self._paths: dict[bytes, Path] = {}
        self._packed: dict[Path, bytes] = {}
        self.drops: Counter[DropReason] = Counter()
        self.received = 0
        self.sent = 0

    def receive(self) -> list[ReceivedDatagram]:
        """Return what waits in the socket, at most 64 datagrams; empty if nothing waits, or nothing of use.

        Raises:
            OSError: the socket was closed.
        """
        taken = []
        paths = self._paths
        for packed, kind, drop, octets in self._socket.receive():
            if drop:
                self.drops[DropReason(drop)] += 1
            else:
                taken.append(ReceivedDatagram(octets, paths.get(packed) or self._unpack(packed), _KINDS[kind]))
        self.received += len(taken)
        return taken

    def send(self, datagrams: Sequence[tuple[bytes, Path]]) -> int:
        """Send any number of datagrams, each to its path, and return how many the kernel took.

        What it refuses is counted in ``drops`` (``oversize``, ``send_failed``) and gone. In relay mode a path without
        ``via`` cannot be sent to, and is counted likewise.
        """
        sent = 0
        known = self._packed
        for start in range(0, len(datagrams), BATCH):
            batch = datagrams[start : start + BATCH]
            drops = self._socket.send(
                [octets for octets, _ in batch], [known.get(path) or self._pack(path) for _, path in batch]
            )
            failed = [DropReason(drop) for drop in drops if drop]
            self.drops.update(failed)
            sent += len(batch) - len(failed)
        self.sent += sent
        return sent

    def _unpack(self, packed: bytes) -> Path:
        client_ip, client_port, relay_ip, relay_port, proxy_ip, proxy_port = PATH.unpack(packed)
        via = Via(Address(relay_ip, relay_port), Address(proxy_ip, proxy_port)) if self._is_relayed else None
        path = Path(Address(client_ip, client_port), via)
        if len(self._paths) >= _CACHE_LIMIT:
            self._paths.clear()
        self._paths[packed] = path
        return path

    def _pack(self, path: Path) -> bytes:
        relay, proxy = path.via or (_NOWHERE, _NOWHERE)
        packed = PATH.pack(*path.client, *relay, *proxy)
        if len(self._packed) >= _CACHE_LIMIT:
            self._packed.clear()
        self._packed[path] = packed
        return packed
