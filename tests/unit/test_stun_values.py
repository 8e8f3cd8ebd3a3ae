"""Values of XOR-MAPPED-ADDRESS, ERROR-CODE and UNKNOWN-ATTRIBUTES."""

from __future__ import annotations

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.wire.address import Address
from rtcsplit.wire.stun_values import (
    decode_error_code,
    decode_unknown_attributes,
    decode_xor_mapped_address,
    encode_error_code,
    encode_unknown_attributes,
    encode_xor_mapped_address,
)

TRANSACTION_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")


@pytest.mark.parametrize(
    ("host", "value"),
    [
        ("192.0.2.1", "0001a147e112a643"),
        ("2001:db8:1234:5678:11:2233:4455:6677", "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"),
    ],
)
def test_xor_mapped_addresses_of_rfc5769(host: str, value: str) -> None:
    """B1 (RFC 5769 sections 2.2, 2.3), B15."""
    address = Address.of(host, 32853)
    assert encode_xor_mapped_address(address, TRANSACTION_ID).hex() == value
    assert decode_xor_mapped_address(bytes.fromhex(value), TRANSACTION_ID) == address


@pytest.mark.parametrize("value", ["", "0001", "0001a147e112a6", "0001a147e112a64300", "0002a147e112a643", "0003a147"])
def test_address_of_another_form_is_none(value: str) -> None:
    assert decode_xor_mapped_address(bytes.fromhex(value), TRANSACTION_ID) is None


@pytest.mark.parametrize(("code", "reason"), [(300, ""), (401, "Unauthorized"), (487, "é"), (699, "x" * 127)])
def test_error_codes_there_and_back(code: int, reason: str) -> None:
    assert decode_error_code(encode_error_code(code, reason)) == (code, reason)


def test_error_code_octets() -> None:
    """RFC 8489 section 14.8: hundreds and the rest, apart."""
    assert encode_error_code(487) == b"\0\0\x04\x57"


@pytest.mark.parametrize("value", [b"", b"\0\0\4", b"\0\0\2\0", b"\0\0\7\0", b"\0\0\4\x64"])
def test_error_code_of_another_form_is_none(value: bytes) -> None:
    assert decode_error_code(value) is None


def test_reason_that_is_not_utf8_is_replaced() -> None:
    assert decode_error_code(b"\0\0\4\0\xff") == (400, "\ufffd")


@pytest.mark.parametrize("arguments", [(299, ""), (700, ""), (400, "x" * 128)])
def test_error_code_that_cannot_be_said(arguments: tuple[int, str]) -> None:
    with pytest.raises(UsageError):
        encode_error_code(*arguments)


def test_unknown_attributes_there_and_back() -> None:
    """B13 (RFC 8489 section 14.9)."""
    assert encode_unknown_attributes([0x7FFE, 0x0031]) == b"\x7f\xfe\x00\x31"
    assert decode_unknown_attributes(b"\x7f\xfe\x00\x31") == (0x7FFE, 0x0031)
    assert decode_unknown_attributes(b"") == ()
    assert decode_unknown_attributes(b"\x7f") is None
