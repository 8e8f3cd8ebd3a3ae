"""Simple Proxy Protocol: the Python reader and writer, and the relay's in C."""

from __future__ import annotations

from types import ModuleType

import pytest

from rtcsplit._native import spp as native
from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address

IPV4 = (
    Address.of("198.51.100.7", 50000),
    Address.of("203.0.113.10", 3478),
    bytes.fromhex("56ec00000000000000000000ffffc633640700000000000000000000ffffcb00710ac3500d96"),
)
IPV6 = (
    Address.of("2001:db8::7", 1),
    Address.of("2001:db8:ffff::10", 65535),
    bytes.fromhex("56ec20010db800000000000000000000000720010db8ffff000000000000000000100001ffff"),
)
implementations = pytest.mark.parametrize("implementation", [spp, native], ids=["python", "c"])


@implementations
@pytest.mark.parametrize("vector", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_vectors_both_ways(implementation: ModuleType, vector: tuple[Address, Address, bytes]) -> None:
    """A8."""
    client, proxy, header = vector
    assert implementation.build(client, proxy) == header
    assert implementation.parse(header) == (client, proxy)
    assert implementation.parse(header + b"datagram") == (client, proxy)
    assert len(header) == spp.SIZE == native.SIZE == 38


@implementations
def test_truncated_and_foreign_headers_are_malformed(implementation: ModuleType) -> None:
    """A8: 0..37 octets, and each bit of the magic."""
    header = IPV4[2]
    refused = [implementation.parse(header[:size]) for size in range(38)]
    refused += [implementation.parse(bytes([header[0] ^ 1 << bit]) + header[1:]) for bit in range(8)]
    refused += [implementation.parse(header[:1] + bytes([header[1] ^ 1 << bit]) + header[2:]) for bit in range(8)]
    assert set(refused) == {DropReason.SPP_MALFORMED}


@implementations
def test_header_inside_a_header_is_nested(implementation: ModuleType) -> None:
    """A12, the reader's part: nesting depth is one."""
    header = IPV4[2]
    assert implementation.parse(header + header) is DropReason.SPP_NESTED
    assert implementation.parse(header + b"\x56\xec") is DropReason.SPP_NESTED
    assert implementation.parse(header + b"\x56") == IPV4[:2]


def test_native_writer_refuses_what_is_no_address() -> None:
    with pytest.raises(UsageError):
        native.build((bytes(15), 1), (bytes(16), 1))
    with pytest.raises(UsageError):
        native.build((bytes(16), 1), (bytes(16), 65536))
