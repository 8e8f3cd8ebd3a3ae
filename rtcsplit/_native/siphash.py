"""``csrc/siphash.h``: SipHash-2-4."""

from __future__ import annotations

from ..errors import UsageError
from ._rtcsplit import lib

__all__ = ["KEY_SIZE", "siphash24"]

KEY_SIZE: int = lib.RS_SIPHASH_KEY_SIZE


def siphash24(key: bytes, data: bytes) -> bytes:
    """Return the 8 octets of SipHash-2-4, in the order of its reference code.

    Raises:
        UsageError: ``key`` has not 16 octets.
    """
    if len(key) != KEY_SIZE:
        raise UsageError(f"a SipHash key has {KEY_SIZE} octets, not {len(key)}")
    hashed: int = lib.rs_siphash24(key, data, len(data))
    return hashed.to_bytes(8, "little")
