"""SRTP and SRTCP of one session (RFC 3711, RFC 7714), by libsrtp through pylibsrtp.

What is checked before the library sees a packet is in ``csrc/srtp.h``: that its header, extension and tag fit in it,
that SRTCP has its E flag set (section 3.4), and that it does not bring one SSRC more than a session may have, because
libsrtp keeps a stream for each for ever. libsrtp verifies the tag before anything else takes effect, keeps a replay
list, and guesses the index with a rollover count per SSRC (section 3.3).

A session's packets go through here one by one, or through :attr:`SrtpSession.contexts` a batch at a time: the state is
the same, so both may be used in any order.

Key derivation rates, MKI and header encryption (cryptex) are not used: DTLS-SRTP negotiates none of them here.
"""

from __future__ import annotations

import pylibsrtp

from .._native.srtp import MAX_RTCP_PACKETS, MAX_RTP_PACKETS, SrtpContexts
from ..drops import DropReason
from ..errors import UsageError
from .keying import SrtpKeys, SrtpProfile

__all__ = ["MAX_RTCP_PACKETS", "MAX_RTP_PACKETS", "SrtpSession"]

# ours
_WINDOW_SIZE = 1024  # replay list in packets (section 3.3.2 asks for 64): 20 s of audio, 128 octets a stream
_MAX_DATAGRAM_SENT = 1200

_RTP_HEADER = 12
_RTCP_HEADER = 8
_INDEX = 4  # the E flag and the SRTCP index

_PROFILES = {
    SrtpProfile.AES128_CM_HMAC_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SrtpProfile.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AEAD_AES_256_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


class SrtpSession:
    """Protects what we send and unprotects what the peer sends, with the keys of one DTLS association.

    Attributes:
        contexts: the same for whoever handles packets in batches; valid while this object lives.
        profile: what the keys are for.
    """

    __slots__ = (
        "_counts",
        "_longest_rtp",
        "contexts",
        "profile",
    )

    def __init__(self, keys: SrtpKeys) -> None:
        self.profile = profile = keys.profile
        self._longest_rtp = _MAX_DATAGRAM_SENT - profile.tag_length
        self.contexts = SrtpContexts(
            _policy(profile, keys.local, pylibsrtp.Policy.SSRC_ANY_OUTBOUND),
            _policy(profile, keys.remote, pylibsrtp.Policy.SSRC_ANY_INBOUND),
            tag_length=profile.tag_length,
            # RFC 3711 section 3.4 puts the tag behind the index, RFC 7714 section 9.2 the index behind the tag.
            is_index_last=profile is not SrtpProfile.AES128_CM_HMAC_SHA1_80,
        )
        self._counts = self.contexts.cdata

    @property
    def rtp_count(self) -> int:
        """RTP packets protected so far under this key, here or in a batch, and those that were admitted to be."""
        return int(self._counts.rtp_count)

    @rtp_count.setter
    def rtp_count(self, count: int) -> None:
        self._counts.rtp_count = count

    @property
    def rtcp_count(self) -> int:
        """Likewise for RTCP packets."""
        return int(self._counts.rtcp_count)

    @rtcp_count.setter
    def rtcp_count(self, count: int) -> None:
        self._counts.rtcp_count = count

    @property
    def is_exhausted(self) -> bool:
        """Whether the keys have protected as many packets as they may: end or rekey the session."""
        return self.rtp_count >= MAX_RTP_PACKETS or self.rtcp_count >= MAX_RTCP_PACKETS

    def admit(self, packet: bytes) -> bool:
        """Count an RTP packet that is to be protected later, by :meth:`seal` or in a batch.

        Returns:
            Whether it is the last one that the keys may protect.

        Raises:
            UsageError: no RTP packet, longer than a datagram of 1,200 octets carries, or the keys are exhausted; it
                was not counted.
        """
        is_plausible = _RTP_HEADER <= len(packet) <= self._longest_rtp and packet[0] >> 6 == 2
        counts = self._counts
        count = counts.rtp_count
        if not is_plausible or count >= MAX_RTP_PACKETS or counts.rtcp_count >= MAX_RTCP_PACKETS:
            self._check_outgoing(packet, _RTP_HEADER, self._longest_rtp)
        if 192 <= packet[1] <= 223:
            raise UsageError("payload types 64..95 cannot be told from RTCP (RFC 5761 section 4)")
        counts.rtp_count = count + 1
        return bool(count + 1 >= MAX_RTP_PACKETS)

    def admit_rtcp(self, packet: bytes) -> bool:
        """As :meth:`admit`, for a compound or reduced-size RTCP packet."""
        self._check_outgoing(packet, _RTCP_HEADER, self._longest_rtp - _INDEX)
        self.rtcp_count += 1
        return self.rtcp_count >= MAX_RTCP_PACKETS

    def seal(self, packet: bytes) -> bytes | None:
        """Return the protected form of an admitted packet, RTP or RTCP; None where libsrtp refuses it."""
        sealed = self.contexts.protect(packet, is_rtcp=_is_rtcp(packet))
        return None if isinstance(sealed, DropReason) else sealed

    def protect(self, packet: bytes) -> bytes:
        """Return the SRTP packet of an RTP packet.

        Raises:
            UsageError: no RTP packet, longer than a datagram of 1,200 octets carries, a sequence number that this
                SSRC has used already (RFC 7714 section 8.1), or the keys are exhausted; nothing was protected.
        """
        self._check_outgoing(packet, _RTP_HEADER, self._longest_rtp)
        protected = self.contexts.protect(packet, is_rtcp=False)
        if isinstance(protected, DropReason):
            raise UsageError(f"RTP packet refused: {protected.label}")
        self.rtp_count += 1
        return protected

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Return the SRTCP packet of a compound or reduced-size RTCP packet.

        Raises:
            UsageError: no RTCP packet, longer than a datagram of 1,200 octets carries, or the keys are exhausted;
                nothing was protected.
        """
        self._check_outgoing(packet, _RTCP_HEADER, self._longest_rtp - _INDEX)
        protected = self.contexts.protect(packet, is_rtcp=True)
        if isinstance(protected, DropReason):
            raise UsageError(f"RTCP packet refused: {protected.label}")
        self.rtcp_count += 1
        return protected

    def unprotect(self, packet: bytes) -> bytes | DropReason:
        """Return the RTP packet of an SRTP packet, or why it is gone (RFC 3711 section 3.3).

        A refused packet had no effect on anything.
        """
        return self.contexts.unprotect(packet, is_rtcp=False)

    def unprotect_rtcp(self, packet: bytes) -> bytes | DropReason:
        """Return the RTCP packet of an SRTCP packet, or why it is gone (RFC 3711 section 3.4).

        A refused packet had no effect on anything.
        """
        return self.contexts.unprotect(packet, is_rtcp=True)

    def _check_outgoing(self, packet: bytes, shortest: int, longest: int) -> None:
        if self.rtp_count >= MAX_RTP_PACKETS or self.rtcp_count >= MAX_RTCP_PACKETS:
            raise UsageError("these keys have protected as many packets as they may (RFC 3711 section 9.2)")
        if len(packet) < shortest or packet[0] >> 6 != 2:
            raise UsageError("not an RTP or RTCP packet")
        if len(packet) > longest:
            raise UsageError(f"a packet of {len(packet)} octets and its trailer exceed {_MAX_DATAGRAM_SENT}")


def _is_rtcp(packet: bytes) -> bool:
    """Whether a packet of 2 octets or more is taken for RTCP where both share a port (RFC 5761 section 4)."""
    return 192 <= packet[1] <= 223


def _policy(profile: SrtpProfile, key: bytes, direction: int) -> pylibsrtp.Policy:
    policy = pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=_PROFILES[profile])
    policy.window_size = _WINDOW_SIZE
    return policy
