"""``csrc/address.h``: the addresses that nothing is sent to."""

from __future__ import annotations

from ..errors import UsageError
from ._rtcsplit import lib

__all__ = ["is_denied"]


def is_denied(ip: bytes, port: int) -> bool:
    """Whether the relay never sends to this client address unless its network is re-admitted (checklist A11).

    Args:
        ip: 16 octets, IPv4 in mapped form.
        port: 0..65535.

    Raises:
        UsageError: ``ip`` has not 16 octets, or ``port`` is out of range.
    """
    if len(ip) != 16 or not 0 <= port <= 65535:
        raise UsageError("an address has 16 octets and a port within 0..65535")
    return bool(lib.rs_address_is_denied(ip, port))
