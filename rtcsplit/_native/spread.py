"""``csrc/spread.h``: how datagrams are spread over the sockets that share a port."""

from __future__ import annotations

import secrets
import socket

from ._rtcsplit import lib

__all__ = ["spread_by_client", "spread_by_kernel", "spread_by_sender"]


def spread_by_client(sock: socket.socket, sockets: int) -> bool:
    """Let the kernel choose among the first ``sockets`` ones on the address of ``sock`` by the client in the header.

    Returns:
        False if the kernel would not; it then goes by the sender, over all, which is right too, and less even.
    """
    return bool(lib.rs_spread_by_client(sock.fileno(), sockets) == lib.RS_OK)


def spread_by_sender(sock: socket.socket, sockets: int) -> bool:
    """Likewise, by the sender's address; False as there."""
    return bool(lib.rs_spread_by_sender(sock.fileno(), sockets, secrets.randbits(32)) == lib.RS_OK)


def spread_by_kernel(sock: socket.socket) -> bool:
    """Let the kernel choose by itself among all sockets on the address of ``sock``; False if it would not."""
    return bool(lib.rs_spread_by_kernel(sock.fileno()) == lib.RS_OK)
