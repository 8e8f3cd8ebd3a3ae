"""Where datagrams come from and go to: an address, and the path of a client through a relay.

These are named tuples rather than dataclasses because one is made per received datagram and used as a dictionary
key: a named tuple is made in a third of the time and hashes in C.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from ..errors import UsageError

__all__ = ["Address", "Path", "Via"]

_MAPPED_PREFIX = bytes(10) + b"\xff\xff"


class Address(NamedTuple):
    """A UDP address in the one canonical form that every comparison uses.

    Attributes:
        ip: 16 octets; IPv4 as the IPv4-mapped ``::ffff:a.b.c.d`` (RFC 4291 section 2.5.5.2).
        port: 0..65535.
    """

    ip: bytes
    port: int

    @classmethod
    def of(cls, host: str, port: int) -> Address:
        """Return the address of a literal IPv4 or IPv6 host; names are not resolved, zones are refused.

        Raises:
            UsageError: ``host`` is no literal address, or ``port`` is out of range.
        """
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            raise UsageError(f"{host!r} is not a literal IP address") from None
        if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
            raise UsageError(f"{host!r}: addresses with a zone are not supported")
        if not 0 <= port <= 65535:
            raise UsageError(f"port {port} is not within 0..65535")
        return cls(_MAPPED_PREFIX + ip.packed if ip.version == 4 else ip.packed, port)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address written as ``192.0.2.1:3478`` or ``[2001:db8::1]:3478``.

        Raises:
            UsageError: the text has no port, or no literal address.
        """
        host, separator, port = text.rpartition(":")
        if not separator or not (port.isascii() and port.isdigit()) or len(port) > 5:
            raise UsageError(f"{text!r} is not HOST:PORT")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise UsageError(f"{text!r}: an IPv6 address needs brackets, [HOST]:PORT")
        return cls.of(host, int(port))

    @property
    def is_ipv4(self) -> bool:
        """Whether this is an IPv4 address (in mapped form)."""
        return self.ip[:12] == _MAPPED_PREFIX

    @property
    def host(self) -> str:
        """The literal IP address as people write it, IPv4 unmapped."""
        packed = self.ip[12:] if self.is_ipv4 else self.ip
        return str(ipaddress.ip_address(packed))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.is_ipv4 else f"[{self.host}]:{self.port}"


class Via(NamedTuple):
    """What a client's datagram came through: a relay, or one of several addresses of our own.

    Attributes:
        relay: address that the proxied datagram came from, replies go there; all zero in direct mode.
        proxy: local address at which the first relay received the client's datagram, replies carry it back; in direct
            mode our own, replies leave from there.
    """

    relay: Address
    proxy: Address


class Path(NamedTuple):
    """How a client is reached. ICE compares ``client`` only; ``via`` is None in direct mode on a single address."""

    client: Address
    via: Via | None = None
