"""RTP, RTCP and both audio outlets under any packets behind SRTP: taken or refused with a reason, at any time."""

from __future__ import annotations

import random
from dataclasses import replace

from rtcsplit.drops import DropReason
from rtcsplit.media.inbound_audio import InboundAudio
from rtcsplit.media.jitter import JitterBuffer
from rtcsplit.media.rtp_session import RtpSession
from rtcsplit.media.transcript import TranscriptBuffer
from rtcsplit.session.negotiation import AudioNegotiation, Direction
from rtcsplit.wire import rtcp, rtp
from rtcsplit.wire.rtp_extension import AUDIO_LEVEL_URI, MID_URI
from rtcsplit.wire.transport_feedback import TRANSPORT_SEQUENCE_URI
from tests.audio_stream import NEGOTIATION, OPUS, PCMU, RED, plain_packets, red_packets

from .octets import Octets

__all__ = ["run", "seeds"]

ASKING = replace(OPUS, feedback=frozenset({"nack", "transport-cc"}))
EXTENSIONS = {AUDIO_LEVEL_URI: 1, TRANSPORT_SEQUENCE_URI: 3, MID_URI: 4}
AUDIO = AudioNegotiation("0", Direction.SENDRECV, (ASKING, PCMU), EXTENSIONS, red=RED, allows_mixed_extensions=True)
START = 500.0
MAX_STEPS = 200


def seeds() -> list[bytes]:
    """Audio with redundancy, then reports and feedback."""
    packets = [rtp.build(packet) for _, packet in [*plain_packets(range(4)), *red_packets(range(4, 8))]]
    block = rtcp.ReceptionReport(7, 0, 0, 10, 0, 0, 0)
    reports = [
        rtcp.build([rtcp.SenderReport(7, 1 << 40, 960, 4, 400, (block,))]),
        rtcp.build([rtcp.ReceiverReport(7, ()), rtcp.Feedback(rtcp.PacketType.RTPFB, 1, 7, 9, bytes(4))]),
        rtcp.build([rtcp.ReceiverReport(7, ()), rtcp.Goodbye((7,), b"over")]),
    ]
    return [b"".join(bytes([kind, len(p), 0, 2]) + p for kind, p in _kinds(packets, reports))]


def run(octets: bytes) -> None:
    """Each step: RTP or RTCP, its length, and how long after the one before."""
    session = RtpSession(AUDIO, "cname", random.Random(1).randbytes, START, ntp_offset=1.7e9, ssrc=9)
    inbound = InboundAudio(NEGOTIATION, JitterBuffer(), TranscriptBuffer())
    source, now = Octets(octets), START
    for _ in range(MAX_STEPS):
        if not source:
            break
        kind, length, pause = source.number(), source.number(), source.take(2)
        now += int.from_bytes(pause, "big") / 100
        packet = source.take(length)
        if kind & 1:
            assert session.receive_rtcp(packet, now) in _REASONS
        else:
            _take_rtp(session, inbound, packet, now)
        _do_what_is_due(session, inbound, now)


_REASONS = {None, *DropReason}


def _take_rtp(session: RtpSession, inbound: InboundAudio, packet: bytes, now: float) -> None:
    parsed = session.receive_rtp(packet, now)
    if isinstance(parsed, rtp.RtpPacket):
        inbound.receive(parsed, now)
        inbound.live_steps(now)
        inbound.transcript_steps(now)
    else:
        assert parsed in _REASONS


def _do_what_is_due(session: RtpSession, inbound: InboundAudio, now: float) -> None:
    session.send(b"\xf8", duration=960, now=now)
    due = session.next_timer()
    if due is not None and due <= now:
        session.handle_timer(now)
    for report in session.rtcp_to_send(now):
        assert isinstance(rtcp.parse(report), rtcp.Compound)
    session.datagrams_to_repeat()
    assert session.statistics.packets_received >= 0


def _kinds(packets: list[bytes], reports: list[bytes]) -> list[tuple[int, bytes]]:
    return [*((0, packet) for packet in packets), *((1, report) for report in reports)]
