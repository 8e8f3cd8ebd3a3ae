"""Feedback of an RTP session on virtual time: asked of us and answered within budgets, asked by us in time."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from aiortc import rtp as oracle

from rtcsplit.drops import DropReason
from rtcsplit.media.frame import Fate
from rtcsplit.media.inbound_audio import InboundAudio
from rtcsplit.media.jitter import JitterBuffer
from rtcsplit.media.rtp_session import RtpSession
from rtcsplit.media.transcript import TranscriptBuffer
from rtcsplit.session.negotiation import AudioCodec, AudioNegotiation, Direction
from rtcsplit.wire import rtcp, rtp
from rtcsplit.wire.feedback import build_nack
from rtcsplit.wire.rtp_extension import ONE_BYTE_PROFILE, build_elements
from rtcsplit.wire.transport_feedback import TRANSPORT_SEQUENCE_URI, parse_transport_feedback

OURS, PEER = 0x0A0B0C0D, 0x77000001
START = 500.0
OPUS = AudioCodec("opus", 111, 48_000, 2, feedback=frozenset({"nack", "transport-cc"}))
AUDIO = AudioNegotiation("0", Direction.SENDRECV, (OPUS,), {TRANSPORT_SEQUENCE_URI: 3}, has_reduced_size_rtcp=True)
PLAIN = replace(AUDIO, codecs=(replace(OPUS, feedback=frozenset()),), extensions={})


def session(negotiation: AudioNegotiation = AUDIO, **settings: int) -> RtpSession:
    dice = random.Random(1).randbytes
    return RtpSession(negotiation, "cname", dice, START, ntp_offset=1.7e9, ssrc=OURS, **settings)


def packet(number: int, *, transport: int | None = None, ssrc: int = PEER) -> bytes:
    profile, extension = None, b""
    if transport is not None:
        profile, extension = ONE_BYTE_PROFILE, build_elements({1: b"\x30", 3: (transport & 0xFFFF).to_bytes(2, "big")})
    frame = b"\xfc" + bytes(30)  # 20 ms of Opus
    return rtp.build(
        rtp.RtpPacket(111, number & 0xFFFF, number * 960, ssrc, frame, extension_profile=profile, extension=extension)
    )


def feedback(packet_type: rtcp.PacketType, kind: int, content: bytes = b"", media_ssrc: int = OURS) -> rtcp.Feedback:
    return rtcp.Feedback(packet_type, kind, PEER, media_ssrc, content)


def nack(*numbers: int, media_ssrc: int = OURS) -> rtcp.Feedback:
    return feedback(rtcp.PacketType.RTPFB, 1, build_nack(numbers), media_ssrc)


PLI = feedback(rtcp.PacketType.PSFB, 1)


def give(to: RtpSession, *members: rtcp.Member, now: float = START) -> None:
    assert to.receive_rtcp(rtcp.build(members), now) is None


def sent(by: RtpSession, now: float) -> list[tuple[rtcp.Member, ...]]:
    compounds = [rtcp.parse(octets) for octets in by.rtcp_to_send(now)]
    return [compound.members for compound in compounds if isinstance(compound, rtcp.Compound)]


def spoken(by: RtpSession, count: int, now: float = START) -> list[bytes]:
    """Packets sent, as they were kept: here in the clear."""
    packets = [by.send(bytes(100), duration=960, now=now + n * 0.02) for n in range(count)]
    for number, octets in enumerate(packets):
        by.keep(octets, now + number * 0.02)
    return packets


def sequence_number(octets: bytes) -> int:
    return int.from_bytes(octets[2:4], "big")


# --- asked of us


def test_lost_packets_are_sent_again_as_they_were() -> None:
    """F27."""
    ours = session()
    packets = spoken(ours, 20)
    give(ours, nack(sequence_number(packets[3]), sequence_number(packets[5])), now=START + 0.4)
    assert ours.datagrams_to_repeat() == [packets[3], packets[5]]
    assert ours.datagrams_to_repeat() == []
    assert (ours.statistics.nacks_received, ours.statistics.packets_resent) == (1, 2)
    assert ours.statistics.packets_sent == 20


def test_nack_storm_stays_within_a_quarter_of_the_media() -> None:
    """F27, F33, T23: 10,000 NACKs in a second about the same 100 packets."""
    ours = session()
    packets = spoken(ours, 100, START - 2.0)
    request = rtcp.build([nack(*map(sequence_number, packets))])
    resent = 0
    refused = 0
    for n in range(10_000):
        now = START + n / 10_000
        refused += ours.receive_rtcp(request, now) is DropReason.RTCP_RATE
        resent += sum(map(len, ours.datagrams_to_repeat()))
    assert resent <= sum(map(len, packets)) / 4
    assert refused >= 9_800


def test_nack_without_negotiation_changes_nothing() -> None:
    """F27, F37: nothing is kept, so nothing is sent again."""
    ours = session(PLAIN)
    assert not ours.keeps_packets
    give(ours, nack(*map(sequence_number, spoken(ours, 5))))
    assert ours.datagrams_to_repeat() == []


def test_nack_about_an_ssrc_that_we_left_is_ignored() -> None:
    """F15, F29."""
    ours = session()
    packets = spoken(ours, 5)
    ours.receive_rtp(packet(1, ssrc=OURS), START + 0.1)
    assert ours.ssrc != OURS
    give(ours, nack(*map(sequence_number, packets)), nack(*map(sequence_number, packets), media_ssrc=ours.ssrc))
    assert ours.datagrams_to_repeat() == []
    assert ours.statistics.feedback_ignored == 1


def test_broken_feedback_does_not_hide_what_follows() -> None:
    """F11, F26, F28, F30: RR, NACK without items, contradicting transport-wide feedback, PLI; the PLI counts."""
    ours = session()
    wide = feedback(rtcp.PacketType.RTPFB, 15, bytes(12))
    give(ours, rtcp.ReceiverReport(PEER), feedback(rtcp.PacketType.RTPFB, 1), wide, PLI)
    assert (ours.statistics.rtcp_members_skipped, ours.statistics.key_frame_requests) == (2, 1)


def test_nack_of_more_packets_than_are_kept_is_broken() -> None:
    """T23: no work for what cannot be true."""
    ours = session()
    give(ours, nack(*range(65 * 17)))
    assert (ours.statistics.rtcp_members_skipped, ours.statistics.nacks_received) == (1, 0)


def test_key_frame_requests_count_at_most_twice_a_second() -> None:
    """F28: 100 PLIs in 1 s are 2 requests; a FIR that repeats its number is none."""
    ours = session()
    for n in range(100):
        give(ours, PLI, now=START + n / 100)
    assert ours.statistics.key_frame_requests == 2
    for turn, (number, expected) in enumerate(((7, 3), (7, 3), (8, 4), (8, 4)), start=2):
        fir = feedback(rtcp.PacketType.PSFB, 4, OURS.to_bytes(4, "big") + bytes([number, 0, 0, 0]), 0)
        give(ours, fir, now=START + turn)
        give(ours, fir, now=START + turn + 0.6)
        assert ours.statistics.key_frame_requests == expected


def test_fir_about_others_and_remb_are_only_counted() -> None:
    """F28, F29: the sources of a FIR are inside of it."""
    ours = session()
    remb = feedback(rtcp.PacketType.PSFB, 15, bytes(oracle.pack_remb_fci(300_000, [OURS])), 0)
    give(ours, feedback(rtcp.PacketType.PSFB, 4, bytes(4) + b"\x01\0\0\0", 0), remb)
    assert (ours.statistics.feedback_ignored, ours.statistics.key_frame_requests) == (2, 0)


def test_rtcp_has_a_budget_in_any_second() -> None:
    """F33: beyond 200 datagrams they are refused by their own reason, before they are read."""
    ours = session()
    taken = []
    for n in range(30_000):
        reason = ours.receive_rtcp(b"\x80" if n % 2 else rtcp.build([PLI]), START + n / 10_000)
        if reason is not DropReason.RTCP_RATE:
            taken.append(n / 10_000)
    assert max(sum(at <= other < at + 1.0 for other in taken) for at in taken) <= 200
    assert len(taken) >= 450


# --- asked by us


@pytest.mark.parametrize("is_reduced", [False, True])
def test_gap_is_asked_for_with_the_next_datagrams(is_reduced: bool) -> None:
    """F37: alone where a=rtcp-rsize was agreed on, else behind a report and CNAME; read by aiortc."""
    ours = session(replace(AUDIO, has_reduced_size_rtcp=is_reduced))
    for number in (1, 2, 5):
        ours.receive_rtp(packet(number), START)
    assert ours.next_timer() == START
    (octets,) = ours.rtcp_to_send(START)
    members = oracle.RtcpPacket.parse(octets)
    assert isinstance(members[-1], oracle.RtcpRtpfbPacket)
    assert (members[-1].ssrc, members[-1].media_ssrc, members[-1].lost) == (OURS, PEER, [3, 4])
    kinds = [type(member) for member in members[:-1]]
    assert kinds == ([] if is_reduced else [oracle.RtcpRrPacket, oracle.RtcpSdesPacket])
    assert ours.statistics.nacks_sent == 1


def test_lost_packets_are_asked_for_once_per_round_trip() -> None:
    """F37: and no more once they came."""
    ours = session()
    for number in (1, 2, 4):
        ours.receive_rtp(packet(number), START)
    asked = []
    for n in range(100):
        now = START + n / 100
        asked += [now for members in sent(ours, now) for m in members if isinstance(m, rtcp.Feedback)]
        if n == 55:
            assert isinstance(ours.receive_rtp(packet(3), now), rtp.RtpPacket)
    assert len(asked) == 6  # nobody measured the round trip: every 0.1 s
    assert ours.statistics.packets_lost == 0


def test_nothing_is_asked_for_without_negotiation() -> None:
    """F37, F31."""
    ours = session(PLAIN)
    for number in (1, 2, 9):
        ours.receive_rtp(packet(number, transport=number), START)
    assert sent(ours, START + 0.3) == []
    assert ours.next_timer() is not None
    assert ours.next_timer() != START


def test_frame_that_comes_late_reaches_the_transcript_marked_late() -> None:
    """F37: asked for, sent again, too late for the live outlet."""
    ours = session()
    audio = InboundAudio(AUDIO, JitterBuffer(), TranscriptBuffer(patience=2.0))
    heard, written = [], []
    arrivals = [(START + n * 0.02, n) for n in range(1, 40) if n != 10] + [(START + 0.65, 10)]
    for now, number in sorted(arrivals):
        result = ours.receive_rtp(packet(number), now)
        if isinstance(result, rtp.RtpPacket):
            audio.receive(result, now)
        heard += audio.live_steps(now)
        written += audio.transcript_steps(now)
    written += audio.finish()
    assert ours.statistics.nacks_sent == 0  # nobody drained the session
    late = [step for step in written if step.frame is not None and step.frame.is_late]
    assert [step.fate for step in late] == [Fate.LATE]
    assert len(written) == 39
    assert Fate.LATE not in {step.fate for step in heard}


def test_transport_wide_feedback_names_what_came() -> None:
    """F31: also packets that do not count, such as those of unknown payload types."""
    ours = session()
    for number in (1, 2, 4):
        ours.receive_rtp(packet(number, transport=65_534 + number), START + number * 0.02)
    due = START + 0.02 + 0.2
    assert ours.next_timer() == START + 0.08  # the NACK
    ours.rtcp_to_send(START + 0.08)
    messages = [m for members in sent(ours, due) for m in members if isinstance(m, rtcp.Feedback) and m.format == 15]
    (message,) = messages
    wide = parse_transport_feedback(message.control_information)
    assert wide is not None
    assert (message.sender_ssrc, message.media_ssrc) == (OURS, PEER)
    assert (wide.base, wide.count, wide.number) == (65_535, 4, 0)
    assert [arrival.sequence_number for arrival in wide.arrivals] == [65_535, 0, 2]
    assert ours.statistics.transport_feedback_sent == 1


def test_nothing_is_asked_for_after_goodbye() -> None:
    ours = session()
    for number in (1, 2, 4):
        ours.receive_rtp(packet(number, transport=number), START)
    ours.goodbye(START)
    assert ours.rtcp_to_send(START + 1) == []
    assert ours.next_timer() is None


# --- when to stop


def test_missing_reports_withhold_media() -> None:
    """F34: reports cease, packets go on; the first report ends it."""
    ours = session()
    give(ours, rtcp.ReceiverReport(PEER))
    assert not ours.withholds(START + 14)
    assert ours.withholds(START + 15)
    give(ours, rtcp.ReceiverReport(PEER), now=START + 20)
    assert not ours.withholds(START + 20)
    assert ours.statistics.packets_withheld == 1


def test_reports_without_progress_withhold_media() -> None:
    """F34 (RFC 8083 section 4.1)."""
    ours = session(silent_intervals=2)
    for n in range(3):
        spoken(ours, 5, START + 5 * n)
        give(ours, rtcp.ReceiverReport(PEER, (rtcp.ReceptionReport(OURS, 255, 0, 77, 0, 0, 0),)), now=START + 5 * n)
    assert ours.withholds(START + 10)
    assert not session(silent_intervals=0).withholds(START + 1e6)
