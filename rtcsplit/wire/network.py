"""Blocks of addresses in the canonical 16-octet form of :class:`~rtcsplit.wire.address.Address`."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from .address import Address

__all__ = ["mapped_network"]


def mapped_network(network: IPv4Network | IPv6Network) -> tuple[bytes, int]:
    """Return the block as 16 octets and a prefix length 0..128; an IPv4 block is the mapped one, 96 bits longer."""
    address = Address.of(str(network.network_address), 0)
    return address.ip, network.prefixlen + (96 if network.version == 4 else 0)
