"""The transceiver's UDP socket, a batch per call: ``csrc/path_socket.h`` on ``csrc/udp_batch.h``.

Paths and facts cross the boundary as packed octets, unpacked by :mod:`struct` in one sweep, because an attribute
access on a cffi struct costs as much as the rest of the work per datagram.
"""

from __future__ import annotations

import os
import socket
import struct
from array import array
from collections.abc import Sequence

from ._rtcsplit import ffi, lib

__all__ = ["BATCH", "PATH", "PathSocket", "kernel_drops"]

BATCH: int = lib.RS_UDP_BATCH
"""Most datagrams of one call."""

PATH = struct.Struct("=16sH16sH16sH")
"""``struct rs_path``: client, relay and proxy, each as 16 octets and a port; the latter two are zero in direct mode."""

_FACT = struct.Struct("=54sBBII")
_SO_MEMINFO = 55  # Linux; the socket module does not name it
_SK_MEMINFO_DROPS = 8

assert ffi.sizeof("struct rs_path") == PATH.size
assert ffi.sizeof("struct rs_path_fact") == _FACT.size


class PathSocket:
    """Receives and sends batches on a bound UDP socket that stays the caller's.

    Args:
        fd: the socket; it may be blocking or not, no call here waits.
        networks: where relays may be, as (16 octets, prefix length 0..128) in mapped form; None in direct mode,
            where datagrams carry no Simple Proxy Protocol header.

    Raises:
        OSError: ``fd`` is no bound IPv4 or IPv6 UDP socket.
    """

    def __init__(self, fd: int, networks: Sequence[tuple[bytes, int]] | None) -> None:
        self._networks = ffi.new("struct rs_network[]", [{"ip": ip, "prefix": prefix} for ip, prefix in networks or ()])
        self._socket = ffi.new(
            "struct rs_path_socket *",
            {
                "is_relayed": networks is not None,
                "networks": self._networks,
                "network_count": len(networks or ()),
            },
        )
        if lib.rs_udp_socket_init(ffi.addressof(self._socket, "udp"), fd, False) != lib.RS_OK:
            raise OSError(ffi.errno, os.strerror(ffi.errno))
        self._received = self._new_batch()
        self._sent = self._new_batch()
        self._octets = ffi.buffer(self._received)
        self._facts = ffi.new("struct rs_path_fact[]", BATCH)
        self._facts_octets = memoryview(ffi.buffer(self._facts))
        self._drops = ffi.new("uint8_t[]", BATCH)

    @staticmethod
    def _new_batch() -> object:
        batch = ffi.new("struct rs_udp_batch *")
        lib.rs_udp_batch_init(batch)
        return batch

    def receive(self) -> list[tuple[bytes, int, int, bytes]]:
        """Return what waits in the socket, at most ``BATCH``: (path as ``PATH`` packs it, kind, drop reason, octets).

        The octets are the client's datagram without the header, and a copy. Where the drop reason is not 0, path and
        kind mean nothing and the octets are empty.

        Raises:
            OSError: the socket is closed or none.
        """
        count = lib.rs_path_socket_receive(self._socket, self._received, self._facts)
        if count < 0:
            raise OSError(ffi.errno, os.strerror(ffi.errno))
        octets = self._octets
        return [
            (path, kind, drop, b"" if drop else octets[offset : offset + length])
            for path, kind, drop, offset, length in _FACT.iter_unpack(self._facts_octets[: count * _FACT.size])
        ]

    def send(self, datagrams: Sequence[bytes], paths: Sequence[bytes]) -> bytes:
        """Send each datagram to its path (packed by ``PATH``), at most ``BATCH``, without waiting.

        Returns:
            One octet per datagram: 0 if the kernel took it, else the drop reason.
        """
        count = len(datagrams)
        if count > BATCH or len(paths) != count:
            raise ValueError(f"{count} datagrams for {len(paths)} paths, at most {BATCH}")
        octets, packed = b"".join(datagrams), b"".join(paths)
        if len(packed) != count * PATH.size:
            raise ValueError("a path is not packed")
        status = lib.rs_path_socket_send(
            self._socket,
            self._sent,
            ffi.from_buffer(octets),
            len(octets),
            ffi.from_buffer("uint32_t[]", array("I", map(len, datagrams))),
            ffi.from_buffer("struct rs_path[]", packed),
            count,
            self._drops,
        )
        assert status == lib.RS_OK
        return bytes(ffi.buffer(self._drops, count))


def kernel_drops(sock: socket.socket) -> int:
    """Return how many datagrams the kernel dropped because the socket's receive buffer was full, modulo 2**32.

    Read from SO_MEMINFO: SO_RXQ_OVFL tells the same number with every datagram and costs time on each.
    """
    drops: int = struct.unpack_from("=I", sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36), 4 * _SK_MEMINFO_DROPS)[0]
    return drops
