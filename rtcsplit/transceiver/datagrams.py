"""Batches of datagrams with their paths: of the transceiver's one UDP socket, or of a loop that has its own.

In relay mode every datagram carries a Simple Proxy Protocol header, taken only from the configured networks; in
direct mode there is no header and a path has no ``via``. Above this nothing differs between the two.

What the session table knows is opened on the way in: SRTP becomes plain packets, RTP is parsed. Plain packets of ours
are protected on the way out. Either takes one call for a whole batch, during which other Python threads run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import TypeVar

from .._native.batch import BATCH, InboundBatch, OutboundBatch
from .._native.session_table import NativeSessionTable
from .._native.udp import PathSocket
from ..drops import DropReason
from ..session.outbox import Outgoing
from ..wire.address import Address, Path
from .facts import FactReader, PathReader, Received, pack_path

__all__ = ["DatagramBatch", "MemoryBatch"]

T = TypeVar("T")


class DatagramBatch:
    """Receives and sends on a bound UDP socket, for an event loop.

    Args:
        fd: file descriptor of the socket, which stays the caller's and has to outlive this.
        relay_networks: where relays may be; their datagrams carry the header, all others are dropped. None: direct
            mode.
        table: whose SRTP is opened; None opens none.
        trunk_mtu: octets of the longest IP packet with several datagrams in it; 0: send plain ones only.
        gather: seconds that datagrams may gather in the socket while there is much work.

    Attributes:
        drops: how many datagrams were dropped here, in either direction, by reason. Grows; the caller may clear it.
        received: how many datagrams were of use.
        sent: how many the kernel took.
        now: monotonic seconds of the latest batch.

    Raises:
        OSError: ``fd`` is no bound IPv4 or IPv6 UDP socket.
    """

    def __init__(
        self,
        fd: int,
        relay_networks: Iterable[IPv4Network | IPv6Network] | None = None,
        table: NativeSessionTable | None = None,
        trunk_mtu: int = 0,
        gather: float = 0.0,
    ) -> None:
        networks = None if relay_networks is None else [_mapped(network) for network in relay_networks]
        self._socket = PathSocket(fd, networks, table, trunk_mtu, gather)
        self._reader = FactReader(PathReader(table))
        self.drops: Counter[DropReason] = self._reader.drops
        self.received = 0
        self.sent = 0
        self.now = 0.0

    @property
    def is_full(self) -> bool:
        """Whether more than what was taken last may wait, of which an event loop hears nothing."""
        return self._socket.is_full

    @property
    def has_facts(self) -> bool:
        """Whether what was taken last has left something for :meth:`read`."""
        return bool(self._socket.turn.kept)

    def receive(self) -> list[Received]:
        """Take what waits in the socket, without waiting, and return what is of use of it, at most 64 datagrams.

        What calls send back without asking has left when this returns.

        Raises:
            OSError: the socket was closed.
        """
        self._socket.receive()
        self._count()
        return self.read()

    def wait(self, others: int, seconds: float) -> bool:
        """Take what comes, until something of it is of use, ``others`` is readable or ``seconds`` have passed.

        Args:
            others: a descriptor.
            seconds: less than 0: for ever.

        Returns:
            Whether ``others`` is readable.

        Raises:
            OSError: the socket was closed.
        """
        is_readable = self._socket.wait(others, seconds)
        self._count()
        return is_readable

    def read(self) -> list[Received]:
        """Return what is of use of what was taken last."""
        taken = self._reader.read(self._socket.facts(), self._socket.octets)
        self.received += len(taken)
        return taken

    def rest(self) -> float:
        """Say that what was taken is worked off, and return for how long to leave the socket alone, in seconds."""
        return self._socket.rest()

    def _count(self) -> None:
        turn = self._socket.turn
        if not turn.received:
            return
        self.now = turn.now
        self.received += turn.received - turn.kept
        self.sent += turn.returned
        if turn.failed:
            self.drops[DropReason.SEND_FAILED] += turn.failed

    def send(self, outgoing: Sequence[Outgoing]) -> int:
        """Send any number of datagrams, each to its path, and return how many the kernel took.

        What it refuses is counted in ``drops`` (``oversize``, ``send_failed``) and gone. In relay mode a path without
        ``via`` cannot be sent to, and is counted likewise, and so is a packet that cannot be protected.
        """
        sent = 0
        for batch in _batches(outgoing):
            paths, keys = [], []
            for _, path, srtp in batch:
                contexts = None if srtp is None else srtp.contexts
                if contexts is None:
                    paths.append(pack_path(path))
                else:
                    if contexts.sent_to[0] is not path:
                        contexts.sent_to = (path, pack_path(path))
                    paths.append(contexts.sent_to[1])
                keys.append(contexts)
            drops = self._socket.send([octets for octets, _, _ in batch], paths, keys)
            failed = [DropReason(drop) for drop in drops if drop]
            self.drops.update(failed)
            sent += len(batch) - len(failed)
        self.sent += sent
        return sent


class MemoryBatch:
    """The same without a socket, for a loop that has its own: opens what was received, seals what is to be sent.

    Args:
        table: whose SRTP is opened.

    Attributes:
        drops: how many datagrams were dropped here, in either direction, by reason.
    """

    def __init__(self, table: NativeSessionTable) -> None:
        self._inbound = InboundBatch(table)
        self._outbound = OutboundBatch()
        self._paths = PathReader(table)
        self._reader = FactReader(self._paths)
        self._returned: list[tuple[bytes, Path]] = []
        self.drops: Counter[DropReason] = self._reader.drops

    def open(self, datagrams: Sequence[tuple[bytes, Path]], now: float) -> list[Received]:
        """Return what is of use of datagrams and the paths they came by; any number of them.

        What calls send back without asking is in :meth:`returned` then.
        """
        taken: list[Received] = []
        for batch in _batches(datagrams):
            count = self._inbound.load([datagram for datagram, _ in batch], [pack_path(path) for _, path in batch])
            taken += self._reader.read(self._inbound.open(count, now), self._inbound.octets)
            for octets, packed in self._inbound.returned():
                if octets is None:
                    self.drops[DropReason.SEND_FAILED] += 1
                else:
                    self._returned.append((octets, self._paths.unpack(packed)))
        return taken

    def returned(self) -> list[tuple[bytes, Path]]:
        """Return and forget the datagrams to send of what calls send back without asking, each to its path."""
        returned, self._returned = self._returned, []
        return returned

    def seal(self, outgoing: Sequence[Outgoing]) -> list[tuple[bytes, Path]]:
        """Return the datagrams to send, each to its path; what cannot be protected is counted and left out."""
        sealed: list[tuple[bytes, Path]] = []
        for batch in _batches(outgoing):
            keys = [None if srtp is None else srtp.contexts for _, _, srtp in batch]
            datagrams = self._outbound.seal([octets for octets, _, _ in batch], keys)
            pairs = [(octets, path) for octets, (_, path, _) in zip(datagrams, batch, strict=True)]
            sealed += [(octets, path) for octets, path in pairs if octets is not None]
            self.drops[DropReason.SEND_FAILED] += datagrams.count(None)
        return sealed


def _batches(datagrams: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(datagrams), BATCH):
        yield datagrams[start : start + BATCH]


def _mapped(network: IPv4Network | IPv6Network) -> tuple[bytes, int]:
    address = Address.of(str(network.network_address), 0)
    return address.ip, network.prefixlen + (96 if network.version == 4 else 0)
