"""Values of the STUN attributes that have a structure of their own (RFC 8489 sections 14.2, 14.8, 14.9).

Decoders return None for a value that is not of its form; encoders raise :class:`UsageError` for what cannot be said.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ..errors import UsageError
from .address import Address

__all__ = [
    "decode_error_code",
    "decode_unknown_attributes",
    "decode_xor_mapped_address",
    "encode_error_code",
    "encode_unknown_attributes",
    "encode_xor_mapped_address",
]

_COOKIE = b"\x21\x12\xa4\x42"
_IPV4, _IPV6 = 1, 2
_MAPPED_PREFIX = bytes(10) + b"\xff\xff"


def encode_xor_mapped_address(address: Address, transaction_id: bytes) -> bytes:
    """Return the value that tells a client its address, hidden from middleboxes that rewrite addresses."""
    family, ip = (_IPV4, address.ip[12:]) if address.is_ipv4 else (_IPV6, address.ip)
    mask = _COOKIE + transaction_id
    return struct.pack("!BBH", 0, family, address.port ^ 0x2112) + _xor(ip, mask)


def decode_xor_mapped_address(value: bytes, transaction_id: bytes) -> Address | None:
    """Return the address in the value, None where the value is not of that form."""
    if len(value) < 4:
        return None
    _, family, port = struct.unpack_from("!BBH", value)
    if (family, len(value)) not in ((_IPV4, 8), (_IPV6, 20)):
        return None
    ip = _xor(value[4:], _COOKIE + transaction_id)
    return Address(_MAPPED_PREFIX + ip if family == _IPV4 else ip, port ^ 0x2112)


def encode_error_code(code: int, reason: str = "") -> bytes:
    """Return an ERROR-CODE value.

    Raises:
        UsageError: a code outside of 300..699, or a reason of more than 127 characters.
    """
    if not 300 <= code <= 699 or len(reason) > 127:
        raise UsageError("an error code is within 300..699 and its reason has at most 127 characters")
    return bytes([0, 0, code // 100, code % 100]) + reason.encode()


def decode_error_code(value: bytes) -> tuple[int, str] | None:
    """Return (code, reason), None where the value is not of that form; what is not UTF-8 in a reason is replaced."""
    if len(value) < 4 or not 3 <= value[2] & 7 <= 6 or value[3] > 99:
        return None
    return (value[2] & 7) * 100 + value[3], value[4:].decode("utf-8", "replace")


def encode_unknown_attributes(types: Iterable[int]) -> bytes:
    """Return an UNKNOWN-ATTRIBUTES value."""
    return b"".join(this_type.to_bytes(2, "big") for this_type in types)


def decode_unknown_attributes(value: bytes) -> tuple[int, ...] | None:
    """Return the listed types, None where the value has an odd length."""
    if len(value) % 2:
        return None
    return struct.unpack(f"!{len(value) // 2}H", value)


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=False))
