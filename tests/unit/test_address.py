"""Addresses in one canonical form, and those that nothing is sent to."""

from __future__ import annotations

import pytest

from rtcsplit._native.address import is_denied
from rtcsplit.errors import UsageError
from rtcsplit.wire.address import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1:3478", "192.0.2.1", 3478),
        ("[2001:db8::1]:0", "2001:db8::1", 0),
        ("[::ffff:192.0.2.1]:65535", "192.0.2.1", 65535),
    ],
)
def test_addresses_as_people_write_them(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, len(address.ip)) == (host, port, 16)
    assert Address.parse(str(address)) == address == Address.of(host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("192.0.2.1", "192.0.2.1:", ":3478", "2001:db8::1:3478", "[2001:db8::1]", "[fe80::1%eth0]:1", "localhost:1"),
        *("192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1: 1", "192.0.2.1:\u0661", "192.0.2.1:000001", "192.0.2.01:1"),
    ],
)
def test_what_is_no_literal_address_with_a_port_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Address.parse(text)


DENIED = {
    "0/8": ("0.0.0.0", "0.255.255.255"),
    "127/8": ("127.0.0.0", "127.255.255.255"),
    "169.254/16": ("169.254.0.0", "169.254.255.255"),
    "224/3": ("224.0.0.0", "239.255.255.255", "255.255.255.255"),
    "::/96": ("::", "::1", "::192.0.2.1", "::ffff:ffff"),
    "mapped": ("::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:e000:1"),
    "fe80::/10": ("fe80::", "febf:ffff::1"),
    "ff00::/8": ("ff00::", "ffff::1"),
    "64:ff9b::/96": ("64:ff9b::", "64:ff9b::203.0.113.1"),
    "2002::/16": ("2002::", "2002:7f00:1::1"),
}
ALLOWED = (
    *("1.0.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255"),
    *("10.0.0.1", "192.168.0.1", "fd00::1", "fe7f::1", "fec0::1", "64:ff9b:0:1::1", "2001:db8::1", "2003::", "::1:0:0"),
)


@pytest.mark.parametrize("hosts", DENIED.values(), ids=DENIED.keys())
def test_denied_ranges_in_every_spelling(hosts: tuple[str, ...]) -> None:
    """A11: the ranges themselves; own and directory addresses are the relay's to add."""
    assert [host for host in hosts if not is_denied(Address.of(host, 0).ip, 50000)] == []


def test_everything_else_is_allowed_but_for_port_0() -> None:
    """A11: private ranges included."""
    assert [host for host in ALLOWED if is_denied(Address.of(host, 0).ip, 1)] == []
    assert [host for host in ALLOWED if not is_denied(Address.of(host, 0).ip, 0)] == []


def test_what_is_no_address_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        is_denied(bytes(4), 1)
    with pytest.raises(UsageError):
        is_denied(bytes(16), 65536)
