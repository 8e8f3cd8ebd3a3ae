"""``csrc/spread.h``: what other relays send, spread over the workers by client."""

from __future__ import annotations

import socket

from ._rtcsplit import lib

__all__ = ["spread_by_client"]


def spread_by_client(sock: socket.socket, sockets: int) -> bool:
    """Let the kernel choose among ``sockets`` sockets on the address of ``sock`` by the client in the header.

    Returns:
        False if the kernel would not; it then goes by the sender, which is right too, and less even.
    """
    return bool(lib.rs_spread_by_client(sock.fileno(), sockets) == lib.RS_OK)
