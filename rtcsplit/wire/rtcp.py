"""Read and write RTCP (RFC 3550 section 6, RFC 4585 section 6.1).

A compound packet is framed first (RFC 3550 appendix A.2, RFC 5506 for the reduced size): where one length is wrong,
nothing in it counts. Inside a sound frame each packet stands for itself: one that we do not know, or whose body is
broken, is skipped to its declared end.

Left out: XR and APP are skipped like any unknown type, and feedback keeps its control information as octets.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable, Sequence

from ..drops import DropReason
from ..errors import UsageError
from .rtcp_packets import (
    Compound,
    Feedback,
    Goodbye,
    Member,
    PacketType,
    ReceiverReport,
    ReceptionReport,
    SdesChunk,
    SdesItem,
    SenderReport,
    SourceDescription,
)

__all__ = [
    "MAX_REPORTS",
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
    "build",
    "parse",
    "random_cname",
]

MAX_REPORTS = 31  # the 5-bit count: report blocks of an SR or RR, chunks of an SDES, sources of a BYE
MAX_MEMBERS = 64  # our bound, as in csrc/rtp.h; real compound packets have 2 to 5

_HEADER = struct.Struct(">BBH")
_SENDER_INFO = struct.Struct(">IQIII")
_REPORT = struct.Struct(">IIIIII")
_FEEDBACK = struct.Struct(">II")


def random_cname(random: Callable[[int], bytes]) -> str:
    """Return a CNAME that names nobody: 96 random bits in base64, 16 characters (RFC 7022 section 4.2).

    Args:
        random: returns that many random octets.
    """
    return b64encode(random(12)).decode()


def build(members: Sequence[Member]) -> bytes:
    """Return the members as one compound packet, in the given order.

    Raises:
        UsageError: a member has more than 31 blocks, chunks or sources, or a number or text does not fit its field.
    """
    try:
        return b"".join([_build_member(member) for member in members])
    except (struct.error, OverflowError, ValueError) as error:
        raise UsageError(f"RTCP member out of range: {error}") from None


def _build_member(member: Member) -> bytes:
    match member:
        case SenderReport():
            info = _SENDER_INFO.pack(
                member.ssrc, member.ntp_time, member.rtp_timestamp, member.packet_count, member.octet_count
            )
            return _frame(PacketType.SR, len(member.reports), info + _build_reports(member.reports))
        case ReceiverReport():
            body = member.ssrc.to_bytes(4, "big") + _build_reports(member.reports)
            return _frame(PacketType.RR, len(member.reports), body)
        case SourceDescription():
            return _frame(PacketType.SDES, len(member.chunks), b"".join(map(_build_chunk, member.chunks)))
        case Goodbye():
            body = struct.pack(f">{len(member.ssrcs)}I", *member.ssrcs)
            if member.reason:
                body = _pad(body + bytes((len(member.reason),)) + member.reason)
            return _frame(PacketType.BYE, len(member.ssrcs), body)
        case Feedback():
            body = _FEEDBACK.pack(member.sender_ssrc, member.media_ssrc) + member.control_information
            return _frame(member.packet_type, member.format, body)


def _frame(packet_type: PacketType, count: int, body: bytes) -> bytes:
    if not 0 <= count <= MAX_REPORTS or len(body) % 4:
        raise ValueError(f"{packet_type.name} with count {count} and {len(body)} octets")
    return _HEADER.pack(0x80 | count, packet_type, len(body) // 4) + body


def _build_reports(reports: Sequence[ReceptionReport]) -> bytes:
    return b"".join(
        [
            _REPORT.pack(
                report.ssrc,
                report.fraction_lost << 24 | int.from_bytes(report.packets_lost.to_bytes(3, "big", signed=True), "big"),
                report.highest_sequence,
                report.jitter,
                report.last_sr,
                report.delay_since_last_sr,
            )
            for report in reports
        ]
    )


def _build_chunk(chunk: SdesChunk) -> bytes:
    if any(item == SdesItem.END for item, _ in chunk.items):
        raise ValueError("an SDES item of type 0 ends its chunk")
    items = b"".join([bytes((item, len(text))) + text for item, text in chunk.items])
    return _pad(chunk.ssrc.to_bytes(4, "big") + items + b"\0")


def _pad(body: bytes) -> bytes:
    return body + bytes(-len(body) % 4)


def parse(packet: bytes) -> Compound | DropReason:
    """Read one plain RTCP datagram, compound or reduced-size.

    Returns:
        What was understood; or ``RTCP_MALFORMED`` where a version is not 2, a length leaves the datagram, padding
        is anywhere but in the last packet or impossible, or there are more than 64 packets (RFC 3550 appendix A.2).
    """
    members: list[Member] = []
    skipped = offset = 0
    if not packet:
        return DropReason.RTCP_MALFORMED
    while offset < len(packet):
        if len(packet) - offset < 4 or len(members) + skipped == MAX_MEMBERS:
            return DropReason.RTCP_MALFORMED
        first, packet_type, words = _HEADER.unpack_from(packet, offset)
        end = offset + 4 + 4 * words
        if first >> 6 != 2 or end > len(packet):
            return DropReason.RTCP_MALFORMED
        padding = 0
        if first & 0x20:
            padding = packet[end - 1]
            if end != len(packet) or not 1 <= padding <= 4 * words:  # by 1 to 3: libwebrtc, transport-wide feedback
                return DropReason.RTCP_MALFORMED
        read = _READERS.get(packet_type)
        member = read(packet[offset + 4 : end - padding], first & 0x1F) if read else None
        if member is None:
            skipped += 1
        else:
            members.append(member)
        offset = end
    return Compound(tuple(members), skipped)


def _read_reports(body: bytes, offset: int, count: int) -> tuple[ReceptionReport, ...] | None:
    # What follows the blocks is a profile's extension (section 6.4.3), which we ignore.
    end = offset + count * _REPORT.size
    if len(body) < end:
        return None
    return tuple(
        ReceptionReport(ssrc, loss >> 24, _signed_24(loss & 0xFFFFFF), *others)
        for ssrc, loss, *others in _REPORT.iter_unpack(body[offset:end])
    )


def _signed_24(value: int) -> int:
    return value - (1 << 24) if value & 0x800000 else value


def _read_sender_report(body: bytes, count: int) -> Member | None:
    reports = _read_reports(body, _SENDER_INFO.size, count)
    if reports is None:
        return None
    ssrc, ntp_time, rtp_timestamp, packet_count, octet_count = _SENDER_INFO.unpack_from(body)
    return SenderReport(ssrc, ntp_time, rtp_timestamp, packet_count, octet_count, reports)


def _read_receiver_report(body: bytes, count: int) -> Member | None:
    reports = _read_reports(body, 4, count)
    return None if reports is None else ReceiverReport(int.from_bytes(body[:4], "big"), reports)


def _read_source_description(body: bytes, count: int) -> Member | None:
    chunks = []
    offset = 0
    for _ in range(count):
        read = _read_chunk(body, offset)
        if read is None:
            return None
        chunk, offset = read
        chunks.append(chunk)
    return SourceDescription(tuple(chunks))


def _read_chunk(body: bytes, offset: int) -> tuple[SdesChunk, int] | None:
    """One chunk and the offset behind it, None where its list of items leaves the body or has no end."""
    items: list[tuple[int, bytes]] = []
    position = offset + 4
    while position < len(body):
        if body[position] == SdesItem.END:
            chunk = SdesChunk(int.from_bytes(body[offset : offset + 4], "big"), tuple(items))
            return chunk, position + 4 - position % 4
        value = position + 2
        if value > len(body) or value + body[position + 1] > len(body):
            return None
        items.append((body[position], body[value : value + body[position + 1]]))
        position = value + body[position + 1]
    return None


def _read_goodbye(body: bytes, count: int) -> Member | None:
    if len(body) < 4 * count:
        return None
    ssrcs = struct.unpack_from(f">{count}I", body)
    rest = body[4 * count :]
    if rest and len(rest) - 1 < rest[0]:
        return None
    return Goodbye(ssrcs, rest[1 : 1 + rest[0]] if rest else b"")


def _read_feedback(packet_type: PacketType) -> Callable[[bytes, int], Member | None]:
    def read(body: bytes, fmt: int) -> Member | None:
        if len(body) < _FEEDBACK.size:
            return None
        sender_ssrc, media_ssrc = _FEEDBACK.unpack_from(body)
        return Feedback(packet_type, fmt, sender_ssrc, media_ssrc, body[_FEEDBACK.size :])

    return read


_READERS: dict[int, Callable[[bytes, int], Member | None]] = {
    PacketType.SR: _read_sender_report,
    PacketType.RR: _read_receiver_report,
    PacketType.SDES: _read_source_description,
    PacketType.BYE: _read_goodbye,
    PacketType.RTPFB: _read_feedback(PacketType.RTPFB),
    PacketType.PSFB: _read_feedback(PacketType.PSFB),
}
