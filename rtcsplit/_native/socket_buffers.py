"""How much a socket holds while nobody receives: asked of the kernel, and what it gave."""

from __future__ import annotations

import contextlib
import logging
import socket

__all__ = ["set_buffers", "warn_of_small_buffers"]

# Linux; the socket module does not name the forced ones, which need CAP_NET_ADMIN and know no limit.
_OPTIONS = (
    (socket.SO_RCVBUF, 33, "net.core.rmem_max"),
    (socket.SO_SNDBUF, 32, "net.core.wmem_max"),
)

_log = logging.getLogger(__name__)


def set_buffers(sock: socket.socket, octets: int) -> None:
    """Ask for receive and send buffers of this size, beyond the kernel's limit where the process may."""
    for option, forced, _ in _OPTIONS:
        try:
            sock.setsockopt(socket.SOL_SOCKET, forced, octets)
        except OSError:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, option, octets)


def warn_of_small_buffers(sock: socket.socket, octets: int) -> None:
    """Log which of the kernel's limits gave less than was asked for, and how much."""
    for option, _, sysctl in _OPTIONS:
        granted = sock.getsockopt(socket.SOL_SOCKET, option) // 2  # the kernel doubles it, for its own bookkeeping
        if granted < octets:
            _log.warning("socket_buffer_small", extra={"sysctl": sysctl, "asked": octets, "granted": granted})
