"""Simple Proxy Protocol: 38 octets in front of a UDP datagram that say whose it is.

The header that Cloudflare Spectrum and others put before proxied UDP; layout and vectors in docs/reference/spp.md. The
relay does the same in C (``csrc/spp.h``), and tests hold the two equal.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..drops import DropReason
from .address import Address

__all__ = ["MAGIC", "SIZE", "SppHeader", "build", "parse"]

MAGIC = b"\x56\xec"
SIZE = 38

_layout = struct.Struct("!2s16s16sHH")


class SppHeader(NamedTuple):
    """Whose datagram it is.

    Attributes:
        client: where the datagram came from, or where the reply goes.
        proxy: local address at which the first relay received it; a reply copies it.
    """

    client: Address
    proxy: Address


def build(client: Address, proxy: Address) -> bytes:
    """Return the 38 octets that go in front of the datagram."""
    return _layout.pack(MAGIC, client.ip, proxy.ip, client.port, proxy.port)


def parse(datagram: bytes) -> SppHeader | DropReason:
    """Return the header; the client's datagram is ``datagram[SIZE:]`` and may be empty.

    Whether the addresses are acceptable is the caller's to say.

    Returns:
        The header, or ``SPP_MALFORMED`` (shorter than a header, or another magic), or ``SPP_NESTED`` (the client's
        datagram begins with the magic as well).
    """
    if len(datagram) < SIZE or datagram[:2] != MAGIC:
        return DropReason.SPP_MALFORMED
    if datagram[SIZE : SIZE + 2] == MAGIC:
        return DropReason.SPP_NESTED
    _, client_ip, proxy_ip, client_port, proxy_port = _layout.unpack_from(datagram)
    return SppHeader(Address(client_ip, client_port), Address(proxy_ip, proxy_port))
