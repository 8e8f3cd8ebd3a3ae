"""The transceiver's UDP socket, a batch per call: ``csrc/path_socket.h`` on ``csrc/udp_batch.h``."""

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

    Attributes:
        octets: what the offsets of received facts point into; overwritten by the next batch.
        turn: what became of the latest batch, ``struct rs_path_turn``.

    Raises:
        OSError: ``fd`` is no bound IPv4 or IPv6 UDP socket.
    """

    def __init__(
        self,
        fd: int,
        networks: Sequence[tuple[bytes, int]] | None,
        table: NativeSessionTable | None = None,
        trunk_mtu: int = 0,
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

    def receive(self) -> Iterator[tuple[Any, ...]]:
        """Take what waits in the socket, at most ``BATCH``, open it, send back what goes back, and return the facts.

        They are those that are left for Python; see ``InboundBatch.read``. :attr:`turn` has the counts.

        Raises:
            OSError: the socket is closed or none.
        """
        inbound = self._inbound
        if lib.rs_path_socket_turn(
            self._socket, self._table.cdata, inbound.batch, inbound.facts, inbound.echoes, self.turn
        ):
            raise OSError(ffi.errno, os.strerror(ffi.errno))
        return inbound.read(self.turn.kept)

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
