"""NTP timestamps as RTCP carries them (RFC 3550 section 4): 32 bits of seconds since 1900, 32 bits of fraction."""

from __future__ import annotations

__all__ = ["ntp_from_unix", "ntp_middle"]

_SECONDS_1900_TO_1970 = 2_208_988_800


def ntp_from_unix(seconds: float) -> int:
    """Return the 64-bit NTP time of a unix time; it wraps in 2036 as the format does."""
    return (int(seconds * (1 << 32)) + (_SECONDS_1900_TO_1970 << 32)) & 0xFFFF_FFFF_FFFF_FFFF


def ntp_middle(ntp_time: int) -> int:
    """Return the middle 32 bits, in 1/65,536 s: the form of LSR and DLSR (RFC 3550 section 6.4.1)."""
    return ntp_time >> 16 & 0xFFFF_FFFF
