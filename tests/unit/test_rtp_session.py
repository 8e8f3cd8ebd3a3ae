"""An RTP session on virtual time: what counts, what is reported, what is refused."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.media.rtp_session import RtpSession
from rtcsplit.session.negotiation import AudioCodec, AudioNegotiation, Direction
from rtcsplit.wire import red, rtcp, rtp
from rtcsplit.wire.rtp_extension import AUDIO_LEVEL_URI, MID_URI, ONE_BYTE_PROFILE, AudioLevel, build_elements

OPUS = AudioCodec("opus", 111, 48_000, 2)
PCMU = AudioCodec("pcmu", 0, 8_000, 1)
AUDIO = AudioNegotiation("a0", Direction.SENDRECV, (OPUS, PCMU), {MID_URI: 4, AUDIO_LEVEL_URI: 1})
NTP_OFFSET = 1_700_000_000.25
START = 500.0
OURS, PEER = 0x0A0B0C0D, 0x77000001


def session(negotiation: AudioNegotiation = AUDIO, *, seed: int = 1, ssrc: int | None = OURS) -> RtpSession:
    return RtpSession(negotiation, "cname", random.Random(seed).randbytes, START, ntp_offset=NTP_OFFSET, ssrc=ssrc)


def packet(number: int, *, ssrc: int = PEER, payload: bytes = b"x" * 50, **fields: object) -> rtp.RtpPacket:
    return rtp.RtpPacket(111, number & 0xFFFF, number * 960 & 0xFFFFFFFF, ssrc, payload)._replace(
        **fields,  # type: ignore[arg-type]
    )


def feed(receiver: RtpSession, *packets: rtp.RtpPacket, now: float = START) -> list[DropReason | None]:
    results = [receiver.receive_rtp(rtp.build(p), now) for p in packets]
    return [result if isinstance(result, DropReason) else None for result in results]


def levels(receiver: RtpSession, *packets: rtp.RtpPacket) -> list[AudioLevel | None]:
    results = [receiver.receive_rtp(rtp.build(p), START) for p in packets]
    return [result.audio_level for result in results if isinstance(result, rtp.RtpPacket)]


def reports(of: RtpSession, now: float | None = None) -> list[tuple[rtcp.Member, ...]]:
    """What the session sends when its timer is due, parsed."""
    due = of.next_timer()
    assert due is not None
    of.handle_timer(due if now is None else now)
    return parsed(*of.rtcp_to_send(due if now is None else now))


def parsed(*packets: bytes) -> list[tuple[rtcp.Member, ...]]:
    compounds = [rtcp.parse(octets) for octets in packets]
    assert all(isinstance(compound, rtcp.Compound) and not compound.skipped for compound in compounds)
    return [compound.members for compound in compounds if isinstance(compound, rtcp.Compound)]


def give(to: RtpSession, *members: rtcp.Member, now: float = START) -> None:
    assert to.receive_rtcp(rtcp.build(members), now) is None


# --- packets in


MALFORMED = {
    "version 1": b"\x40\x6f" + bytes(20),
    "padding 0": rtp.build(packet(1))[:-1].replace(b"\x80\x6f", b"\xa0\x6f", 1) + b"\x00",
    "padding 255": rtp.build(packet(1))[:-1].replace(b"\x80\x6f", b"\xa0\x6f", 1) + b"\xff",
    "padding one octet too long": b"\xa0\x6f" + bytes(13) + b"\x05",
    "extension past the end": b"\x90\x6f" + bytes(10) + b"\xbe\xde\xff\xff" + bytes(8),
    "15 CSRCs in 20 octets": b"\x8f\x6f" + bytes(18),
}


@pytest.mark.parametrize("octets", MALFORMED.values(), ids=MALFORMED)
def test_malformed_packet_changes_no_statistic(octets: bytes) -> None:
    """F1: refused with its reason, and no source is made of it."""
    receiver = session()
    feed(receiver, packet(1), packet(2))
    before = receiver.statistics
    assert receiver.receive_rtp(octets, START) is DropReason.RTP_MALFORMED
    assert receiver.receive_rtp(b"\x80\x6f" + bytes(9), START) is DropReason.TOO_SHORT
    assert receiver.statistics == before


@pytest.mark.parametrize("payload_type", [0, 8, 72, 96, 110, 111, 127])
def test_only_negotiated_payload_types_count(payload_type: int) -> None:
    """F1, F17: known payload type; static ones count only where they were negotiated."""
    receiver = session()
    refused = None if payload_type in (0, 111) else DropReason.RTP_PAYLOAD_TYPE
    results = feed(receiver, *(packet(n, payload_type=payload_type) for n in (1, 2)))
    assert results == [refused, refused]
    assert receiver.statistics.packets_received == (0 if refused else 2)


def test_padding_alone_updates_statistics_and_has_no_audio() -> None:
    """F2: P = 1 with nothing but padding."""
    receiver = session()
    feed(receiver, packet(1), packet(2))
    result = receiver.receive_rtp(rtp.build(packet(3, payload=b"", padding=20)), START)
    assert isinstance(result, rtp.RtpPacket)
    assert result.payload == b""
    assert receiver.statistics.packets_received == 3
    assert receiver.statistics.octets_received == 100


def test_first_packet_of_a_source_counts() -> None:
    """F3: SRTP has verified it; nobody's first 20 ms are lost."""
    receiver = session()
    assert feed(receiver, packet(5), packet(6), packet(7)) == [None] * 3
    assert receiver.statistics.packets_received == 3
    assert receiver.statistics.packets_lost == 0


def test_stream_of_pcmu_counts_in_its_own_clock() -> None:
    """F17: 160 octets per 20 ms at 8 kHz; arrivals that keep time have no jitter."""
    receiver = session()
    for n in range(50):
        octets = rtp.build(packet(n, payload_type=0, payload=bytes(160), timestamp=n * 160))
        receiver.receive_rtp(octets, START + n * 0.02)
    assert receiver.statistics.jitter == 0
    assert receiver.statistics.octets_received == 50 * 160


def test_silence_of_discontinuous_transmission_is_neither_loss_nor_jitter() -> None:
    """F19: 400 ms gap."""
    receiver = session()
    for number, at_ms in enumerate([*range(0, 200, 20), *range(600, 800, 20)]):
        octets = rtp.build(packet(number, timestamp=at_ms * 48, payload=b"\x98"))
        receiver.receive_rtp(octets, START + at_ms / 1000)
    assert (receiver.statistics.packets_lost, receiver.statistics.jitter) == (0, 0)
    assert receiver.statistics.packets_received == 20


def test_64_sources_are_held_and_more_refused() -> None:
    """E13: 10,000 SSRCs; those in the table go on, and room comes back when they have been silent."""
    receiver = session()
    results = [feed(receiver, packet(1, ssrc=ssrc))[0] for ssrc in range(10_000)]
    assert results == [None] * 64 + [DropReason.RTP_SOURCE_LIMIT] * 9_936
    assert feed(receiver, packet(2, ssrc=63)) == [None]
    reports(receiver, START + 60)
    assert feed(receiver, packet(1, ssrc=10_000), now=START + 60) == [None]
    assert receiver.statistics.packets_received == 66


@pytest.mark.parametrize(
    ("mid", "refused"),
    [(b"a0", None), (b"v1", DropReason.RTP_PAYLOAD_TYPE), (None, None)],
    ids=["ours", "other", "none"],
)
def test_new_source_is_bound_by_mid_or_payload_type(mid: bytes | None, refused: DropReason | None) -> None:
    """F25: a MID of another section is refused; without one the payload type suffices; afterwards the SSRC is bound."""
    receiver = session()
    fields = {} if mid is None else {"extension_profile": ONE_BYTE_PROFILE, "extension": build_elements({4: mid})}
    results = feed(receiver, packet(1, **fields), packet(2, **fields), packet(3))
    assert results[:2] == [refused, refused]
    assert receiver.statistics.packets_received == (1 if refused else 3)


@pytest.mark.parametrize("direction", [Direction.SENDONLY, Direction.INACTIVE], ids=lambda d: d.value)
def test_packets_in_a_direction_that_was_not_agreed_are_refused(direction: Direction) -> None:
    receiver = session(replace(AUDIO, direction=direction))
    assert feed(receiver, packet(1), packet(2)) == [DropReason.RTP_PAYLOAD_TYPE] * 2


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (b"\x00", AudioLevel(0, has_voice=False)),
        (b"\x7f", AudioLevel(127, has_voice=False)),
        (b"\xff", AudioLevel(127, has_voice=True)),
        (b"\x80\x00", None),
    ],
    ids=["loudest", "silence", "silent voice", "two octets"],
)
def test_audio_level_is_read_with_the_negotiated_id(value: bytes, level: AudioLevel | None) -> None:
    """F24: one octet of flag and level; another length is ignored."""
    receiver = session()
    extension = {"extension_profile": ONE_BYTE_PROFILE, "extension": build_elements({1: value, 9: b"?"})}
    other = session(replace(AUDIO, extensions={AUDIO_LEVEL_URI: 2}))
    without = session(replace(AUDIO, extensions={}))
    assert levels(receiver, packet(1), packet(2, **extension)) == [None, level]
    assert levels(other, packet(1), packet(2, **extension)) == [None, None]
    assert levels(without, packet(1), packet(2, **extension)) == [None, None]


@pytest.mark.parametrize("is_negotiated", [False, True])
def test_two_byte_form_is_read_only_where_it_was_negotiated(is_negotiated: bool) -> None:
    """F22, F24: a mixed stream with and without extmap-allow-mixed; the level is one octet, padded to a word."""
    receiver = session(replace(AUDIO, allows_mixed_extensions=is_negotiated))
    one_byte = {"extension_profile": ONE_BYTE_PROFILE, "extension": build_elements({1: b"\x05"})}
    two_byte = {"extension_profile": 0x1000, "extension": b"\x01\x01\x7f\x00"}
    packets = [packet(number, **(two_byte if number % 2 else one_byte)) for number in range(6)]
    loud, silent = AudioLevel(5), AudioLevel(127) if is_negotiated else None
    assert levels(receiver, *packets) == [loud, silent] * 3


# --- reports out


def test_receiver_report_then_sender_report_with_cname() -> None:
    """F9: a report first and SDES CNAME behind it; RR while we sent nothing, SR once we did."""
    ours = session()
    ((first, sdes),) = reports(ours)
    assert first == rtcp.ReceiverReport(OURS)
    assert sdes == rtcp.SourceDescription((rtcp.SdesChunk(OURS, ((rtcp.SdesItem.CNAME, b"cname"),)),))
    ours.send(b"x", duration=960, now=START + 1)
    kinds = [type(reports(ours)[0][0]) for _ in range(4)]
    assert kinds == [rtcp.SenderReport, rtcp.SenderReport, rtcp.ReceiverReport, rtcp.ReceiverReport]


@pytest.mark.parametrize("is_reduced", [False, True], ids=["compound", "rtcp-rsize"])
def test_regular_reports_stay_whole_with_reduced_size(is_reduced: bool) -> None:
    """F9: RFC 5506 section 4.2.1 lets feedback alone be shorter, not the regular report."""
    ours = session(replace(AUDIO, has_reduced_size_rtcp=is_reduced))
    ours.send(b"x", duration=960, now=START)
    ((first, sdes),) = reports(ours)
    assert isinstance(first, rtcp.SenderReport)
    assert isinstance(sdes, rtcp.SourceDescription)


def test_sender_reports_pair_ntp_and_rtp_time_of_one_instant() -> None:
    """F7: two SRs some 5 s apart: RTP step = clock * NTP step within 1 ms; counts are packets and payload octets."""
    ours = session()
    seen = []
    for n in range(600):
        now = START + n * 0.02
        ours.send(b"x" * 100, duration=960, now=now)
        due = ours.next_timer()
        assert due is not None
        if due <= now + 0.013:
            seen += [(n + 1, compound[0]) for compound in reports(ours, now + 0.013)]
    assert len(seen) >= 2
    (count, first), (_, second) = seen[0], seen[1]
    assert isinstance(first, rtcp.SenderReport)
    assert isinstance(second, rtcp.SenderReport)
    ntp_step = (second.ntp_time - first.ntp_time) / (1 << 32)
    rtp_step = (second.rtp_timestamp - first.rtp_timestamp) & 0xFFFFFFFF
    assert ntp_step >= 2.5
    assert abs(rtp_step - 48_000 * ntp_step) <= 48
    assert (first.packet_count, first.octet_count) == (count, 100 * count)


def test_ntp_time_is_the_wall_clock() -> None:
    """F7: unix time plus the seconds from 1900 to 1970; the RTP time beside it is that of the same instant."""
    ours = session()
    sent = rtp.parse(ours.send(b"x", duration=960, now=START))
    assert isinstance(sent, rtp.RtpPacket)
    ((report, _),) = reports(ours, START + 2)
    assert isinstance(report, rtcp.SenderReport)
    assert report.ntp_time / (1 << 32) == START + 2 + NTP_OFFSET + 2_208_988_800
    assert report.rtp_timestamp == (sent.timestamp + 2 * 48_000) & 0xFFFFFFFF


def test_two_sources_are_reported_in_one_compound_packet() -> None:
    """F32: each has its own loss, jitter and highest sequence number."""
    ours = session()
    feed(ours, *(packet(n) for n in (10, 11, 13)), *(packet(n, ssrc=PEER + 1) for n in (70_000, 70_001)))
    ((report, _),) = reports(ours)
    assert isinstance(report, rtcp.ReceiverReport)
    assert [(b.ssrc, b.packets_lost, b.highest_sequence) for b in report.reports] == [
        (PEER, 1, 13),
        (PEER + 1, 0, 70_001 - 65_536),
    ]
    assert {s.ssrc for s in ours.statistics.sources} == {PEER, PEER + 1}


def test_report_answers_the_sender_report_of_its_source() -> None:
    """F8: LSR and DLSR 0 before the first SR, then its time and how long ago it came."""
    ours = session()
    feed(ours, packet(1), packet(2))
    ((report, _),) = reports(ours, START + 2)
    assert isinstance(report, rtcp.ReceiverReport)
    assert (report.reports[0].last_sr, report.reports[0].delay_since_last_sr) == (0, 0)
    give(ours, rtcp.SenderReport(PEER, 0xAAAA_BBBBCCCC_DDDD, 0, 0, 0), now=START + 3)
    feed(ours, packet(3), now=START + 3)
    ((report, _),) = reports(ours, START + 10.5)
    assert isinstance(report, rtcp.ReceiverReport)
    assert report.reports[0].last_sr == 0xBBBBCCCC
    assert report.reports[0].delay_since_last_sr == int(7.5 * 65536)


@pytest.mark.parametrize("delay", [0.0, 1 / 65536, 0.05, 0.25, 7.0])
def test_round_trip_is_exact_for_fixed_delays(delay: float) -> None:
    """F8: two sessions; ``delay`` there, 1.5 s at the peer, ``delay`` back: exact to 1/65,536 s."""
    ours, peer = session(), session(seed=2, ssrc=PEER)
    assert ours.statistics.round_trip_time is None
    for n in range(2):
        octets = ours.send(b"x", duration=960, now=START + n * 0.02)
        peer.receive_rtp(octets, START + n * 0.02)
    ours.handle_timer(START + 2)
    (report,) = ours.rtcp_to_send(START + 2)
    assert peer.receive_rtcp(report, START + 2 + delay) is None
    peer.handle_timer(START + 2 + delay + 1.5)
    (answer,) = peer.rtcp_to_send(START + 2 + delay + 1.5)
    assert ours.receive_rtcp(answer, START + 2 + 2 * delay + 1.5) is None
    measured = ours.statistics.round_trip_time
    assert measured is not None
    assert abs(measured - 2 * delay) <= 1 / 65536


def test_remote_view_is_read_in_seconds_and_shares() -> None:
    """What the peer says of our stream; a block about another source says nothing."""
    ours = session()
    give(ours, rtcp.ReceiverReport(PEER, (rtcp.ReceptionReport(OURS + 1, 255, 9, 9, 9, 0, 0),)))
    assert ours.statistics.fraction_lost is None
    give(ours, rtcp.ReceiverReport(PEER, (rtcp.ReceptionReport(OURS, 64, -3, 9, 480, 0, 0),)))
    seen = ours.statistics
    assert (seen.fraction_lost, seen.remote_packets_lost, seen.remote_jitter) == (0.25, -3, 0.01)
    assert seen.round_trip_time is None


def test_peer_that_overstates_its_delay_gives_a_round_trip_of_zero() -> None:
    ours = session()
    last_sr = int((START + NTP_OFFSET + 2_208_988_800) * 65536) & 0xFFFFFFFF
    give(ours, rtcp.ReceiverReport(PEER, (rtcp.ReceptionReport(OURS, 0, 0, 0, 0, last_sr, 65536 * 60),)), now=START + 1)
    assert ours.statistics.round_trip_time == 0


# --- RTCP in


def test_broken_member_does_not_hide_later_ones() -> None:
    """F11, F35: report, broken NACK, unknown XR, BYE: report and BYE take effect, two members are skipped."""
    ours = session()
    feed(ours, packet(1), packet(2))
    octets = (
        rtcp.build([rtcp.ReceiverReport(PEER, (rtcp.ReceptionReport(OURS, 128, 1, 0, 0, 0, 0),))])
        + bytes.fromhex("81cd000100000000")
        + bytes.fromhex("80cf000100000000")
        + rtcp.build([rtcp.Goodbye((PEER,))])
    )
    assert ours.receive_rtcp(octets, START) is None
    assert ours.statistics.fraction_lost == 0.5
    assert ours.statistics.rtcp_members_skipped == 2
    assert ours.statistics.sources == ()


def test_malformed_compound_has_no_effect_at_all() -> None:
    """F10: a good report in front of a broken frame does not count."""
    ours = session()
    octets = rtcp.build([rtcp.ReceiverReport(PEER, (rtcp.ReceptionReport(OURS, 128, 1, 0, 0, 0, 0),))])
    assert ours.receive_rtcp(octets + b"\x80\xcb\xff\xff", START) is DropReason.RTCP_MALFORMED
    assert ours.statistics == session().statistics


FEEDBACK = {
    "NACK": (rtcp.PacketType.RTPFB, 1, b"\0\1\0\0"),
    "transport-wide": (rtcp.PacketType.RTPFB, 15, bytes(8)),
    "PLI": (rtcp.PacketType.PSFB, 1, b""),
    "FIR": (rtcp.PacketType.PSFB, 4, bytes(8)),
    "REMB": (rtcp.PacketType.PSFB, 15, b"REMB" + bytes(8)),
}


@pytest.mark.parametrize(("packet_type", "fmt", "octets"), FEEDBACK.values(), ids=FEEDBACK)
def test_feedback_about_other_sources_is_only_counted(packet_type: rtcp.PacketType, fmt: int, octets: bytes) -> None:
    """F29, F35: for an SSRC that is not ours: ignored; nothing is sent, nothing else moves."""
    ours = session()
    give(ours, rtcp.Feedback(packet_type, fmt, PEER, OURS + 1, octets))
    give(ours, rtcp.Feedback(packet_type, fmt, PEER, 0, octets))
    assert ours.statistics == replace(session().statistics, feedback_ignored=2)
    assert ours.rtcp_to_send(START) == []


def test_bye_ends_a_source_and_late_packets_revive_nothing() -> None:
    """F13: late packets are on probation; 5 s later the state is gone, and its totals stay."""
    ours = session()
    feed(ours, packet(1), packet(2), packet(4))
    give(ours, rtcp.Goodbye((PEER, 0xDEAD)), now=START + 1)
    assert feed(ours, packet(3), packet(5), now=START + 1.1) == [DropReason.RTP_PROBATION] * 2
    assert ours.statistics.sources == ()
    ((report, _),) = reports(ours, START + 6)
    assert report == rtcp.ReceiverReport(OURS)
    assert (ours.statistics.packets_received, ours.statistics.packets_lost) == (3, 1)
    assert feed(ours, packet(9), packet(10), now=START + 7) == [None, None]
    assert ours.statistics.packets_received == 5


def test_bye_for_an_unknown_source_is_ignored() -> None:
    """F13."""
    ours = session()
    give(ours, rtcp.Goodbye((PEER,)))
    assert ours.statistics == session().statistics


def test_source_that_is_silent_for_five_intervals_is_forgotten() -> None:
    """RFC 3550 section 6.3.5; RTCP alone keeps a muted source alive."""
    ours = session()
    feed(ours, packet(1), packet(2), packet(1, ssrc=PEER + 1), packet(2, ssrc=PEER + 1))
    for seconds in range(2, 40, 2):
        give(ours, rtcp.ReceiverReport(PEER), now=START + seconds)
        ours.handle_timer(START + seconds)
    assert [s.ssrc for s in ours.statistics.sources] == [PEER]
    assert ours.statistics.packets_received == 4


@pytest.mark.parametrize("by_rtcp", [False, True], ids=["RTP", "RTCP"])
def test_collision_with_our_ssrc_makes_us_move(by_rtcp: bool) -> None:
    """F15: BYE for the old one, media goes on under a new one in both directions, totals go on."""
    ours = session()
    ours.send(b"xyz", duration=960, now=START)
    if by_rtcp:
        give(ours, rtcp.SenderReport(OURS, 1, 2, 3, 4))
    else:
        assert feed(ours, packet(1, ssrc=OURS), packet(2, ssrc=OURS)) == [None, None]
    assert ours.ssrc != OURS
    ((report, _, bye),) = parsed(*ours.rtcp_to_send(START))
    assert isinstance(report, rtcp.SenderReport)
    assert (report.ssrc, bye) == (OURS, rtcp.Goodbye((OURS,)))
    sent = rtp.parse(ours.send(b"xyz", duration=960, now=START))
    assert isinstance(sent, rtp.RtpPacket)
    assert sent.ssrc == ours.ssrc
    ((report, _),) = reports(ours)
    assert isinstance(report, rtcp.SenderReport)
    assert (report.ssrc, report.packet_count) == (ours.ssrc, 1)
    assert (ours.statistics.packets_sent, ours.statistics.octets_sent) == (2, 6)


def test_peer_that_follows_our_ssrc_makes_us_move_a_few_times_only() -> None:
    """F15: its packets go on to be taken."""
    ours = session()
    for n in range(50):
        feed(ours, packet(n, ssrc=ours.ssrc), packet(n + 1, ssrc=ours.ssrc))
    assert len(ours.rtcp_to_send(START)) == 4
    assert feed(ours, packet(51, ssrc=ours.ssrc)) == [None]


# --- packets out


def test_packets_carry_the_chosen_payload_type() -> None:
    """F16, F17: the preferred codec unless told; 160 octets of PCMU step by 160."""
    ours = session()
    sent = [rtp.parse(ours.send(b"x", duration=960, now=START))]
    sent += [rtp.parse(ours.send(bytes(160), duration=160, payload_type=0, now=START + n * 0.02)) for n in range(1, 3)]
    first, second, third = [p for p in sent if isinstance(p, rtp.RtpPacket)]
    assert (first.payload_type, second.payload_type, first.marker, second.marker) == (111, 0, True, False)
    assert (third.timestamp - second.timestamp) & 0xFFFFFFFF == 160
    assert {p.ssrc for p in (first, second, third)} == {OURS}


@pytest.mark.parametrize(
    "arguments",
    [
        {"payload": b""},
        {"payload": bytes(1173)},
        {"duration": 0},
        {"duration": -960},
        {"gap": -1},
        {"payload_type": 8},
    ],
    ids=str,
)
def test_wrong_argument_is_a_usage_error_and_changes_nothing(arguments: dict[str, int]) -> None:
    ours = session()
    with pytest.raises(UsageError):
        ours.send(**{"payload": b"x", "duration": 960, "now": START, **arguments})  # type: ignore[arg-type]
    assert ours.statistics == session().statistics
    assert ours.send(b"x", duration=960, now=START) == session().send(b"x", duration=960, now=START)


def test_largest_payload_makes_a_datagram_of_1200_octets() -> None:
    """D27: with the header and the longest tag."""
    assert len(session().send(bytes(1172), duration=960, now=START)) + 16 == 1200


@pytest.mark.parametrize("direction", [Direction.RECVONLY, Direction.INACTIVE], ids=lambda d: d.value)
def test_nothing_is_sent_in_a_direction_that_was_not_agreed(direction: Direction) -> None:
    ours = session(replace(AUDIO, direction=direction))
    with pytest.raises(UsageError):
        ours.send(b"x", duration=960, now=START)
    ((report, _),) = reports(ours)
    assert isinstance(report, rtcp.ReceiverReport)


def test_pause_continues_the_sequence_under_the_same_ssrc() -> None:
    """E12: after an hour of silence the index goes on, so that no IV repeats."""
    ours = session()
    before = rtp.parse(ours.send(b"x", duration=960, now=START))
    after = rtp.parse(ours.send(b"x", duration=960, now=START + 3600))
    assert isinstance(before, rtp.RtpPacket)
    assert isinstance(after, rtp.RtpPacket)
    assert (after.ssrc, after.sequence_number) == (before.ssrc, before.sequence_number + 1)


# --- the end


def test_goodbye_is_the_last_packet() -> None:
    """F9: BYE behind report and CNAME; afterwards nothing is sent, taken or due."""
    ours = session()
    feed(ours, packet(1), packet(2))
    ((report, sdes, bye),) = parsed(ours.goodbye(START + 1))
    assert isinstance(report, rtcp.ReceiverReport)
    assert isinstance(sdes, rtcp.SourceDescription)
    assert bye == rtcp.Goodbye((OURS,))
    assert ours.next_timer() is None
    ours.handle_timer(START + 100)
    assert ours.rtcp_to_send(START + 100) == []
    assert feed(ours, packet(3)) == [DropReason.SESSION_CLOSED]
    assert ours.receive_rtcp(rtcp.build([rtcp.ReceiverReport(1)]), START) is DropReason.SESSION_CLOSED
    with pytest.raises(UsageError):
        ours.send(b"x", duration=960, now=START)
    with pytest.raises(UsageError):
        ours.goodbye(START + 2)
    assert ours.statistics.packets_received == 2


@pytest.mark.parametrize("cname", ["", "x" * 256, "é" * 128], ids=["empty", "256", "256 octets"])
def test_impossible_cname_is_a_usage_error(cname: str) -> None:
    with pytest.raises(UsageError):
        RtpSession(AUDIO, cname, random.Random(1).randbytes, START, ntp_offset=0.0)


def test_timer_called_early_does_nothing() -> None:
    ours = session()
    due = ours.next_timer()
    assert due is not None
    ours.handle_timer(due - 0.001)
    assert ours.rtcp_to_send(due) == []
    assert ours.next_timer() == due


def test_red_is_taken_where_it_was_negotiated_and_well_formed() -> None:
    """F36: block lengths past the end are dropped before anything is counted; padding alone is legal (F2)."""
    negotiated = replace(AUDIO, red=AudioCodec("red", 63, 48_000, 2))
    sound = red.build([red.RedBlock(111, 960, b"\xf8old")], 111, b"\xf8new")
    broken = bytes.fromhex("ef0f03ff6f") + bytes(15)
    packets = [packet(n, payload=p, payload_type=63) for n, p in enumerate((sound, sound, broken, b"", sound))]
    ours = session(negotiated)
    assert feed(ours, *packets) == [None, None, DropReason.RTP_MALFORMED, None, None]
    assert ours.statistics.packets_received == 4
    assert feed(session(), *packets) == [DropReason.RTP_PAYLOAD_TYPE] * 5
    assert rtp.parse(ours.send(sound, duration=960, payload_type=63, now=START)).payload_type == 63  # type: ignore[union-attr]
    assert rtp.parse(ours.send(b"x", duration=960, now=START)).payload_type == 111  # type: ignore[union-attr]
