"""Serial numbers that wrap: TSNs of 32 bits, stream sequence numbers of 16 (RFC 9260 section 1.6, RFC 1982)."""

from __future__ import annotations

__all__ = ["SSN_MASK", "TSN_MASK", "is_after", "is_ssn_after"]

TSN_MASK = 0xFFFF_FFFF
SSN_MASK = 0xFFFF


def is_after(tsn: int, other: int) -> bool:
    """Whether ``tsn`` comes after ``other``; both are 0..2^32-1."""
    return 0 < (tsn - other) & TSN_MASK < 0x8000_0000


def is_ssn_after(ssn: int, other: int) -> bool:
    """Whether ``ssn`` comes after ``other``; both are 0..2^16-1."""
    return 0 < (ssn - other) & SSN_MASK < 0x8000
