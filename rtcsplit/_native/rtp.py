"""``csrc/rtp.h``: RTP headers and the walk over RTCP."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..drops import DropReason
from ._rtcsplit import ffi, lib
from .reasons import drop_reason

__all__ = ["MAX_RTCP_MEMBERS", "PacketTuple", "RtcpMember", "RtpHeader", "parse_header", "parse_packet", "walk_rtcp"]

MAX_RTCP_MEMBERS: int = lib.RS_RTCP_MAX_MEMBERS

_HEADER = ffi.typeof("struct rs_rtp_header *")
_PACKET = ffi.typeof("struct rs_rtp_packet *")
_MEMBERS = ffi.typeof(f"struct rs_rtcp_member[{MAX_RTCP_MEMBERS}]")
_COUNT = ffi.typeof("unsigned *")
_MEMBER_SIZE = ffi.sizeof("struct rs_rtcp_member")
_header_layout = struct.Struct("=IIIIHHBB???")
_packet_layout = struct.Struct("=IIIIHHBB???3xI")
assert _packet_layout.size == ffi.sizeof("struct rs_rtp_packet")
_iter_members = struct.Struct("=IIBB2x").iter_unpack


class RtpHeader(NamedTuple):
    """``struct rs_rtp_header``; lengths are in octets."""

    timestamp: int
    ssrc: int
    header_length: int
    extension_length: int
    sequence_number: int
    extension_profile: int
    payload_type: int
    csrc_count: int
    has_marker: bool
    has_padding: bool
    has_extension: bool


PacketTuple = tuple[int, int, int, int, int, int, int, int, bool, bool, bool, int]
"""The fields of :class:`RtpHeader`, then the length of the payload: bare, since one is made per received packet."""


class RtcpMember(NamedTuple):
    """``struct rs_rtcp_member``: one packet of an RTCP datagram; padding is not part of ``length``."""

    offset: int
    length: int
    packet_type: int
    item_count: int


def parse_header(packet: bytes) -> RtpHeader | DropReason:
    """Return the header of a plain or protected RTP packet, or why it has none."""
    header = ffi.new(_HEADER)
    drop = lib.rs_rtp_parse(packet, len(packet), header)
    if drop:
        return drop_reason(drop)
    return RtpHeader._make(_header_layout.unpack_from(ffi.buffer(header)))


def parse_packet(packet: bytes) -> PacketTuple | DropReason:
    """Return the header of a plain RTP packet and the length of its payload, or why it is none."""
    parsed = ffi.new(_PACKET)
    drop = lib.rs_rtp_parse_packet(packet, len(packet), parsed)
    if drop:
        return drop_reason(drop)
    fields: PacketTuple = _packet_layout.unpack_from(ffi.buffer(parsed))
    return fields


def walk_rtcp(datagram: bytes) -> tuple[RtcpMember, ...] | DropReason:
    """Return the packets of a plain RTCP datagram, compound or reduced-size, or why it is malformed."""
    members = ffi.new(_MEMBERS)
    count = ffi.new(_COUNT)
    drop = lib.rs_rtcp_walk(datagram, len(datagram), members, count)
    if drop:
        return drop_reason(drop)
    return tuple(map(RtcpMember._make, _iter_members(ffi.buffer(members, count[0] * _MEMBER_SIZE))))
