"""The packets of RTCP as values (RFC 3550 section 6, RFC 4585 section 6.1); ``wire/rtcp.py`` reads and writes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "Compound",
    "Feedback",
    "Goodbye",
    "Member",
    "PacketType",
    "ReceiverReport",
    "ReceptionReport",
    "SdesChunk",
    "SdesItem",
    "SenderReport",
    "SourceDescription",
]


class PacketType(IntEnum):
    """RTCP packet types that we read."""

    SR = 200
    RR = 201
    SDES = 202
    BYE = 203
    RTPFB = 205  # RFC 4585 section 6.2
    PSFB = 206  # RFC 4585 section 6.3


class SdesItem(IntEnum):
    """SDES item types that we name (RFC 3550 section 6.5)."""

    END = 0
    CNAME = 1


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """One report block (RFC 3550 section 6.4.1).

    Attributes:
        ssrc: the source that it is about.
        fraction_lost: 0..255, in 1/256, since the previous report.
        packets_lost: cumulative, -2**23..2**23-1; duplicates make it negative.
        highest_sequence: extended highest sequence number received.
        jitter: in units of the source's RTP clock.
        last_sr: middle 32 bits of the NTP time of the source's last SR, 0 before the first.
        delay_since_last_sr: in 1/65,536 s, 0 before the first.
    """

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR: ``ntp_time`` (64 bits) and ``rtp_timestamp`` name the same instant; ``octet_count`` is payload only."""

    ssrc: int
    ntp_time: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReceptionReport, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RR: a report of somebody who sent nothing lately."""

    ssrc: int
    reports: tuple[ReceptionReport, ...] = ()


@dataclass(frozen=True, slots=True)
class SdesChunk:
    """What a source says of itself: pairs of item type and text, at most 255 octets each."""

    ssrc: int
    items: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """SDES."""

    chunks: tuple[SdesChunk, ...]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """BYE: these sources send no more."""

    ssrcs: tuple[int, ...]
    reason: bytes = b""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A transport-layer or payload-specific feedback message (RFC 4585 section 6.1).

    Attributes:
        packet_type: RTPFB or PSFB.
        format: its FMT, 0..31.
        sender_ssrc: who says so.
        media_ssrc: the source that it is about; some formats leave it 0.
        control_information: the FCI, uninterpreted.
    """

    packet_type: PacketType
    format: int
    sender_ssrc: int
    media_ssrc: int
    control_information: bytes = b""


Member = SenderReport | ReceiverReport | SourceDescription | Goodbye | Feedback


@dataclass(frozen=True, slots=True)
class Compound:
    """The packets of one datagram in order, and how many more were skipped."""

    members: tuple[Member, ...]
    skipped: int = 0
