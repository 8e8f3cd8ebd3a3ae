"""The client-to-mixer audio level of a received packet (RFC 6464)."""

from __future__ import annotations

from ..wire.rtp import RtpPacket
from ..wire.rtp_extension import AudioLevel, parse_elements

__all__ = ["audio_level"]


def audio_level(packet: RtpPacket, extension_id: int | None) -> AudioLevel | None:
    """Return how loud the packet is by its sender's measure, without decoding it.

    Args:
        packet: as ``RtpSession.receive_rtp`` returned it.
        extension_id: negotiated for ``wire.rtp_extension.AUDIO_LEVEL_URI``; None where it was not.

    Returns:
        The level; None where the packet has none, or one that is not a single octet (RFC 6464 section 3).
    """
    if extension_id is None or not packet.extension:
        return None
    value = parse_elements(packet.extension_profile, packet.extension).get(extension_id)
    return None if value is None else AudioLevel.parse(value)
