"""SRTP profiles and keys: what the DTLS handshake exports and the SRTP session takes (RFC 5764, RFC 7714)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from ..errors import UsageError

__all__ = ["SrtpKeys", "SrtpProfile"]


class SrtpProfile(IntEnum):
    """DTLS-SRTP protection profiles that we accept, by their number in ``use_srtp``."""

    AES128_CM_HMAC_SHA1_80 = 0x0001  # RFC 5764 section 4.1.2
    AEAD_AES_128_GCM = 0x0007  # RFC 7714 section 14.2
    AEAD_AES_256_GCM = 0x0008

    @property
    def key_length(self) -> int:
        """Octets of a master key."""
        return 32 if self is SrtpProfile.AEAD_AES_256_GCM else 16

    @property
    def salt_length(self) -> int:
        """Octets of a master salt."""
        return 14 if self is SrtpProfile.AES128_CM_HMAC_SHA1_80 else 12

    @property
    def tag_length(self) -> int:
        """Octets of an authentication tag."""
        return 10 if self is SrtpProfile.AES128_CM_HMAC_SHA1_80 else 16


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys and salts of both directions. Never logged: ``repr`` hides them.

    Attributes:
        profile: what they are for.
        local: key followed by salt, for what we send.
        remote: key followed by salt, for what the peer sends.
    """

    profile: SrtpProfile
    local: bytes = field(repr=False)
    remote: bytes = field(repr=False)

    def __post_init__(self) -> None:
        expected = self.profile.key_length + self.profile.salt_length
        if len(self.local) != expected or len(self.remote) != expected:
            raise UsageError(f"{self.profile.name} takes {expected} octets of key and salt")
