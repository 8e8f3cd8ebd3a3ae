"""The transceiver's UDP socket in batches: ``csrc/path_reader.h`` on ``csrc/path_socket.h``."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from ._rtcsplit import ffi, lib
from .batch import BATCH, InboundBatch, OutboundBatch, packed_paths, slots
from .session_table import NativeSessionTable
from .srtp import SrtpContexts

__all__ = ["PathSocket", "kernel_drops"]

_SO_MEMINFO = 55  # Linux; the socket module does not name it
_SK_MEMINFO_DROPS = 8


class PathSocket:
    """Receives and sends batches on a bound UDP socket that stays the caller's.

    Args:
        fd: the socket; it may be blocking or not, no call here waits.
        networks: where relays may be, as (16 octets, prefix length 0..128) in mapped form; None in direct mode,
            where datagrams carry no Simple Proxy Protocol header.
        table: whose SRTP is opened.
        trunk_mtu: octets of the longest IP packet with several datagrams in it, where relays read that; 0: send none.
        gather: seconds that datagrams may gather in the socket while there is much work.

    Attributes:
        octets: what the offsets of received facts point into; overwritten by the next batch.
        turn: what became of what was taken last, ``struct rs_path_turn``.

    Raises:
        OSError: ``fd`` is no bound IPv4 or IPv6 UDP socket.
    """

    def __init__(
        self,
        fd: int,
        networks: Sequence[tuple[bytes, int]] | None,
        table: NativeSessionTable | None = None,
        trunk_mtu: int = 0,
        gather: float = 0.0,
    ) -> None:
        self._table = NativeSessionTable() if table is None else table
        self._networks = ffi.new("struct rs_network[]", [{"ip": ip, "prefix": prefix} for ip, prefix in networks or ()])
        self._socket = ffi.new(
            "struct rs_path_socket *",
            {
                "is_relayed": networks is not None,
                "networks": self._networks,
                "network_count": len(networks or ()),
            },
        )
        if lib.rs_udp_socket_init(ffi.addressof(self._socket, "udp"), fd, networks is None) != lib.RS_OK:
            raise OSError(ffi.errno, os.strerror(ffi.errno))
        if networks is not None:
            self._socket.udp.sends_runs = True
            self._socket.udp.trunk_payload = lib.rs_udp_payload(ffi.addressof(self._socket, "udp"), trunk_mtu)
            lib.rs_udp_receive_runs(ffi.addressof(self._socket, "udp"))
        self._inbound = InboundBatch(self._table)
        self._outbound = OutboundBatch()
        self.octets = self._inbound.octets
        self._drops = ffi.new("uint8_t[]", BATCH)
        self.turn = ffi.new("struct rs_path_turn *")
        self._reader = ffi.new(
            "struct rs_path_reader *",
            {
                "socket": self._socket,
                "table": self._table.cdata,
                "batch": self._inbound.batch,
                "facts": self._inbound.facts,
                "echoes": self._inbound.echoes,
                "gathering": {"longest": gather},
            },
        )

    def receive(self) -> Iterator[tuple[Any, ...]]:
        """Take what waits in the socket, open it, send back what goes back, and return the facts that are left.

        They are those of the first batch that leaves any, see ``InboundBatch.read``. :attr:`turn` has the counts.

        Raises:
            OSError: the socket is closed or none.
        """
        if lib.rs_path_reader_take(self._reader, self.turn) < 0:
            raise OSError(ffi.errno, os.strerror(ffi.errno))
        return self.facts()

    def wait(self, others: int, seconds: float) -> bool:
        """Do so with whatever comes until a batch leaves facts, ``others`` is readable or ``seconds`` have passed.

        Args:
            others: a descriptor.
            seconds: less than 0: for ever.

        Returns:
            Whether ``others`` is readable. :meth:`facts` has what was left.

        Raises:
            OSError: as :meth:`receive`.
        """
        found = lib.rs_path_reader_wait(self._reader, others, seconds, self.turn)
        if found < 0:
            raise OSError(ffi.errno, os.strerror(ffi.errno))
        return bool(found & lib.RS_READER_OTHERS)

    def facts(self) -> Iterator[tuple[Any, ...]]:
        """Return the facts that the latest batch has left, ``turn.kept`` of them."""
        return self._inbound.read(self.turn.kept)

    def rest(self) -> float:
        """Say that what was taken is worked off, and return for how long to leave the socket alone."""
        return float(lib.rs_path_reader_rest(self._reader))

    @property
    def is_full(self) -> bool:
        """Whether the latest batch was, so that more may wait, of which the kernel need not know."""
        return bool(self._reader.is_full)

    def send(
        self, datagrams: Sequence[bytes], paths: Sequence[bytes], keys: Sequence[SrtpContexts | None] | None = None
    ) -> bytes:
        """Send each datagram to its path (packed by ``PATH``), at most ``BATCH``, without waiting.

        One with keys is a plain packet, protected before it is sent.

        Returns:
            One octet per datagram: 0 if the kernel took it, else the drop reason.
        """
        arguments = slots(datagrams, keys or [None] * len(datagrams))
        count = len(datagrams)
        packed = packed_paths(paths, count)
        status = lib.rs_path_socket_send(self._socket, self._outbound.batch, *arguments, packed, count, self._drops)
        assert status == lib.RS_OK
        return bytes(ffi.buffer(self._drops, count))


def kernel_drops(sock: socket.socket) -> int:
    """Return how many datagrams the kernel dropped because the socket's receive buffer was full, modulo 2**32.

    Read from SO_MEMINFO: SO_RXQ_OVFL tells the same number with every datagram and costs time on each.
    """
    drops: int = struct.unpack_from("=I", sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36), 4 * _SK_MEMINFO_DROPS)[0]
    return drops
