"""A listening TCP socket; a port in use is an error of the configuration, before anything runs."""

from __future__ import annotations

import os
import socket

from ..errors import ConfigurationError
from ..wire.address import Address

__all__ = ["listen"]

_BACKLOG = 1024


def listen(key: str, address: Address) -> socket.socket:
    """Return a socket that listens on ``address``; the IPv6 wildcard takes IPv4 too.

    Raises:
        ConfigurationError: names ``key``, the address, and what the kernel said.
    """
    family = socket.AF_INET if address.is_ipv4 else socket.AF_INET6
    is_dual = family == socket.AF_INET6 and address.ip == bytes(16)
    try:
        return socket.create_server(
            (address.host, address.port), family=family, backlog=_BACKLOG, dualstack_ipv6=is_dual
        )
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)  # Python's own text repeats the address
        expected = f"an address that can be bound ({reason})"
        raise ConfigurationError(key, str(address), expected) from None
