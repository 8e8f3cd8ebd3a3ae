"""SRTP and SRTCP of one session (RFC 3711, RFC 7714), by libsrtp through pylibsrtp.

What is checked before the library sees a packet: that its header, extension and tag fit in it, that SRTCP has its
E flag set (section 3.4), and that it does not bring one SSRC more than a session may have, because libsrtp keeps a
stream for each for ever. libsrtp verifies the tag before anything else takes effect, keeps a replay list, and
guesses the index with a rollover count per SSRC (section 3.3).

Key derivation rates, MKI and header encryption (cryptex) are not used: DTLS-SRTP negotiates none of them here.
"""

from __future__ import annotations

import pylibsrtp

from ..drops import DropReason
from ..errors import UsageError
from .keying import SrtpKeys, SrtpProfile

__all__ = ["MAX_RTCP_PACKETS", "MAX_RTP_PACKETS", "SrtpSession"]

# RFC 3711 section 9.2: packets under one master key
MAX_RTP_PACKETS = 2**48
MAX_RTCP_PACKETS = 2**31

# ours
_WINDOW_SIZE = 1024  # replay list in packets (section 3.3.2 asks for 64): 20 s of audio, 128 octets a stream
_MAX_DATAGRAM_SENT = 1200
_MAX_DATAGRAM_RECEIVED = 1500  # pylibsrtp's buffer
_MAX_SOURCES = 64

_RTP_HEADER = 12
_RTCP_HEADER = 8
_INDEX = 4  # the E flag and the SRTCP index
_E_FLAG = 0x80

_PROFILES = {
    SrtpProfile.AES128_CM_HMAC_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SrtpProfile.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AEAD_AES_256_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}

# pylibsrtp raises ERRORS[status] as the only argument; the indices are libsrtp's srtp_err_status_t. Whatever is not
# listed here failed to verify as well, and counts as that.
_DROPS = {
    pylibsrtp.ERRORS[2]: DropReason.SRTP_MALFORMED,  # bad_param
    pylibsrtp.ERRORS[9]: DropReason.SRTP_REPLAYED,  # replay_fail
    pylibsrtp.ERRORS[10]: DropReason.SRTP_REPLAYED,  # replay_old
    pylibsrtp.ERRORS[21]: DropReason.SRTP_MALFORMED,  # parse_err
    pylibsrtp.ERRORS[26]: DropReason.SRTP_REPLAYED,  # pkt_idx_old
}


class SrtpSession:
    """Protects what we send and unprotects what the peer sends, with the keys of one DTLS association.

    Attributes:
        rtp_count: RTP packets protected so far under this key.
        rtcp_count: RTCP packets protected so far under this key.
    """

    def __init__(self, keys: SrtpKeys) -> None:
        self.rtp_count = 0
        self.rtcp_count = 0
        profile = keys.profile
        self._tag_length = profile.tag_length
        # RFC 3711 section 3.4 puts the tag behind the index, RFC 7714 section 9.2 the index behind the tag.
        is_index_last = profile is not SrtpProfile.AES128_CM_HMAC_SHA1_80
        self._index_offset = _INDEX + (0 if is_index_last else self._tag_length)
        self._outbound = _session(profile, keys.local, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self._inbound = _session(profile, keys.remote, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        self._sources: set[bytes] = set()

    @property
    def is_exhausted(self) -> bool:
        """Whether the keys have protected as many packets as they may: end or rekey the session."""
        return self.rtp_count >= MAX_RTP_PACKETS or self.rtcp_count >= MAX_RTCP_PACKETS

    def protect(self, packet: bytes) -> bytes:
        """Return the SRTP packet of an RTP packet.

        Raises:
            UsageError: no RTP packet, longer than a datagram of 1,200 octets carries, a sequence number that this
                SSRC has used already (RFC 7714 section 8.1), or the keys are exhausted; nothing was protected.
        """
        self._check_outgoing(packet, _rtp_header_length(packet), self._tag_length)
        try:
            protected: bytes = self._outbound.protect(packet)
        except pylibsrtp.Error as error:
            raise UsageError(f"RTP packet refused by libsrtp: {error}") from None
        self.rtp_count += 1
        return protected

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Return the SRTCP packet of a compound or reduced-size RTCP packet.

        Raises:
            UsageError: no RTCP packet, longer than a datagram of 1,200 octets carries, or the keys are exhausted;
                nothing was protected.
        """
        self._check_outgoing(packet, _RTCP_HEADER, self._tag_length + _INDEX)
        try:
            protected: bytes = self._outbound.protect_rtcp(packet)
        except pylibsrtp.Error as error:
            raise UsageError(f"RTCP packet refused by libsrtp: {error}") from None
        self.rtcp_count += 1
        return protected

    def unprotect(self, packet: bytes) -> bytes | DropReason:
        """Return the RTP packet of an SRTP packet, or why it is gone (RFC 3711 section 3.3).

        A refused packet had no effect on anything.
        """
        if len(packet) < _rtp_header_length(packet) + self._tag_length or packet[0] >> 6 != 2:
            return DropReason.SRTP_MALFORMED
        source = packet[8:12]
        refusal = self._refuse_incoming(packet, source)
        if refusal is not None:
            return refusal
        try:
            plain: bytes = self._inbound.unprotect(packet)
        except pylibsrtp.Error as error:
            return _DROPS.get(error.args[0], DropReason.SRTP_AUTH_FAILED)
        self._sources.add(source)
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | DropReason:
        """Return the RTCP packet of an SRTCP packet, or why it is gone (RFC 3711 section 3.4).

        A refused packet had no effect on anything.
        """
        if len(packet) < _RTCP_HEADER + _INDEX + self._tag_length or packet[0] >> 6 != 2:
            return DropReason.SRTP_MALFORMED
        if not packet[-self._index_offset] & _E_FLAG:
            return DropReason.SRTCP_UNENCRYPTED
        source = packet[4:8]
        refusal = self._refuse_incoming(packet, source)
        if refusal is not None:
            return refusal
        try:
            plain: bytes = self._inbound.unprotect_rtcp(packet)
        except pylibsrtp.Error as error:
            return _DROPS.get(error.args[0], DropReason.SRTP_AUTH_FAILED)
        self._sources.add(source)
        return plain

    def _refuse_incoming(self, packet: bytes, source: bytes) -> DropReason | None:
        if len(packet) > _MAX_DATAGRAM_RECEIVED:
            return DropReason.OVERSIZE
        if source not in self._sources and len(self._sources) >= _MAX_SOURCES:
            return DropReason.RTP_SOURCE_LIMIT
        return None

    def _check_outgoing(self, packet: bytes, header_length: int, trailer_length: int) -> None:
        if self.is_exhausted:
            raise UsageError("these keys have protected as many packets as they may (RFC 3711 section 9.2)")
        if len(packet) < header_length or packet[0] >> 6 != 2:
            raise UsageError("not an RTP or RTCP packet")
        if len(packet) + trailer_length > _MAX_DATAGRAM_SENT:
            raise UsageError(f"{len(packet)} octets and a trailer of {trailer_length} exceed {_MAX_DATAGRAM_SENT}")


def _rtp_header_length(packet: bytes) -> int:
    """Octets of header, CSRC list and extension as the packet declares them; may be more than the packet has."""
    if len(packet) < _RTP_HEADER:
        return _RTP_HEADER
    length = _RTP_HEADER + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        if len(packet) < length + 4:
            return length + 4
        length += 4 + 4 * int.from_bytes(packet[length + 2 : length + 4], "big")
    return length


def _session(profile: SrtpProfile, key: bytes, direction: int) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=_PROFILES[profile])
    policy.window_size = _WINDOW_SIZE
    return pylibsrtp.Session(policy=policy)
