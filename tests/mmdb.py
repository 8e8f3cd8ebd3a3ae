"""Writes a small database in MaxMind's format (specification 2.0), without a library that reads it too."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

__all__ = ["write_database"]

_SEPARATOR = bytes(16)
_MARKER = b"\xab\xcd\xefMaxMind.com"
_UINT16 = 5 << 5 | 2
_V4_IN_V6 = 96  # bits: IPv4 addresses are those below ::/96


def write_database(path: Path, entries: Mapping[IPv4Network | IPv6Network, object]) -> None:
    """Write a database whose networks do not overlap, with a tree of IPv6 and records of 24 bits."""
    nodes: list[list[int | bytes | None]] = [[None, None]]
    for network, value in entries.items():
        skipped = _V4_IN_V6 if isinstance(network, IPv4Network) else 0
        bits = [0] * skipped + [int(bit) for bit in f"{int(network.network_address):0{network.max_prefixlen}b}"]
        node = 0
        for bit in bits[: skipped + network.prefixlen - 1]:
            if nodes[node][bit] is None:
                nodes.append([None, None])
                nodes[node][bit] = len(nodes) - 1
            after = nodes[node][bit]
            assert isinstance(after, int)
            node = after
        nodes[node][bits[skipped + network.prefixlen - 1]] = _encode(value)
    tree, data = b"", b""
    for node_ in nodes:
        for record in node_:
            if isinstance(record, bytes):
                tree += (len(nodes) + len(_SEPARATOR) + len(data)).to_bytes(3, "big")
                data += record
            else:
                tree += (len(nodes) if record is None else record).to_bytes(3, "big")
    metadata = {
        "binary_format_major_version": struct.pack("!BH", _UINT16, 2),
        "binary_format_minor_version": struct.pack("!BH", _UINT16, 0),
        "build_epoch": struct.pack("!BBQ", 8, 9 - 7, 1),
        "database_type": "Test-Country",
        "description": {"en": "for tests"},
        "ip_version": struct.pack("!BH", _UINT16, 6),
        "languages": ["en"],
        "node_count": len(nodes),
        "record_size": struct.pack("!BH", _UINT16, 24),
    }
    path.write_bytes(tree + _SEPARATOR + data + _MARKER + _encode(metadata))


def _encode(value: object) -> bytes:
    """A value of the data section: maps, arrays, short strings, numbers as uint32; octets are encoded already."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return bytes([7 << 5 | len(value)]) + b"".join(_encode(key) + _encode(item) for key, item in value.items())
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(_encode, value))
    if isinstance(value, str):
        text = value.encode()
        assert len(text) < 29
        return bytes([2 << 5 | len(text)]) + text
    assert isinstance(value, int)
    return bytes([6 << 5 | 4]) + struct.pack("!I", value)
