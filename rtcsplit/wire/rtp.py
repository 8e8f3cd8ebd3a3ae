"""RTP packets (RFC 3550 section 5.1): parse and build, in the clear.

Header extension elements are in :mod:`rtcsplit.wire.rtp_extension`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast

from .._native import rtp as _native
from ..drops import DropReason
from ..errors import UsageError
from .rtp_extension import AudioLevel, find_element

__all__ = ["HEADER_SIZE", "RtpPacket", "build", "packet_of", "parse"]

HEADER_SIZE = 12


class RtpPacket(NamedTuple):
    """One packet. A named tuple, because one is made per received packet: a frozen dataclass takes twice as long.

    Attributes:
        payload_type: 0..127.
        sequence_number: 0..65535.
        timestamp: 0..2^32-1, in units of the codec's RTP clock.
        ssrc: 0..2^32-1.
        payload: without padding; empty is legal (padding only).
        marker: the M bit.
        csrcs: up to 15 contributing sources.
        extension_profile: the 16 bits "defined by profile", None without a header extension.
        extension: its data, a multiple of 4 octets.
        padding: octets of padding, its count octet included; 0 for none.
        audio_level: that in ``extension``, where whoever parsed the packet knew its id.
    """

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension_profile: int | None = None
    extension: bytes = b""
    padding: int = 0
    audio_level: AudioLevel | None = None


packet_of = cast("Callable[[tuple[object, ...]], RtpPacket]", partial(tuple.__new__, RtpPacket))
"""Returns the packet of all eleven fields in their order: where each received packet counts, in half the time."""


def parse(packet: bytes, audio_level_id: int | None = None) -> RtpPacket | DropReason:
    """Return the packet, or why it is none.

    Args:
        packet: plain.
        audio_level_id: negotiated for ``rtp_extension.AUDIO_LEVEL_URI``; None where it was not.

    Returns:
        An :class:`RtpPacket`, or ``TOO_SHORT`` (under 12 octets), or ``RTP_MALFORMED`` (version, CSRCs, extension or
        padding; RFC 3550 appendix A.1). Whether the payload type was negotiated is the caller's to say.
    """
    parsed = _native.parse_packet(packet)
    if isinstance(parsed, DropReason):
        return parsed
    timestamp, ssrc, start, extension_length, sequence_number, profile = parsed[:6]
    payload_type, csrc_count, has_marker, _, has_extension, payload_length = parsed[6:]
    end = start + payload_length
    extension = packet[start - extension_length : start]
    level = None
    if audio_level_id is not None and has_extension:
        value = find_element(profile, extension, audio_level_id)
        level = None if value is None else AudioLevel.parse(value)
    return RtpPacket(
        payload_type,
        sequence_number,
        timestamp,
        ssrc,
        packet[start:end],
        has_marker,
        struct.unpack_from(f"!{csrc_count}I", packet, HEADER_SIZE) if csrc_count else (),
        profile if has_extension else None,
        extension,
        len(packet) - end,
        level,
    )


def build(packet: RtpPacket) -> bytes:
    """Return the packet's octets; padding octets are zero, but for the count.

    Raises:
        UsageError: a field is out of range, or extension data is given without a profile or not in words of 4.
    """
    has_extension = packet.extension_profile is not None
    if len(packet.csrcs) > 15 or not 0 <= packet.padding <= 255:
        raise UsageError("a packet has at most 15 CSRCs and 255 octets of padding")
    if len(packet.extension) % 4 or (packet.extension and not has_extension):
        raise UsageError("extension data needs a profile and a multiple of 4 octets")
    if not 0 <= packet.payload_type <= 127:
        raise UsageError("a payload type is within 0..127")
    first = 0x80 | bool(packet.padding) << 5 | has_extension << 4 | len(packet.csrcs)
    second = packet.marker << 7 | packet.payload_type
    try:
        header = struct.pack(
            f"!BBHII{len(packet.csrcs)}I",
            first,
            second,
            packet.sequence_number,
            packet.timestamp,
            packet.ssrc,
            *packet.csrcs,
        )
        if has_extension:
            header += struct.pack("!HH", packet.extension_profile, len(packet.extension) // 4) + packet.extension
    except struct.error as error:
        raise UsageError(f"a field of the RTP header is out of range: {error}") from None
    padding = bytes(packet.padding - 1) + bytes([packet.padding]) if packet.padding else b""
    return header + packet.payload + padding
