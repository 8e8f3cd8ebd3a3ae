"""When reports are sent, and the shape of their compound packets."""

from __future__ import annotations

import random
import statistics

import pytest

from rtcsplit.media.reports import ReportSchedule, compound_packets
from rtcsplit.wire import rtcp


def intervals(schedule: ReportSchedule, count: int, members: int) -> list[float]:
    drawn = []
    now = schedule.due
    for _ in range(count):
        schedule.reported(members, now)
        drawn.append(schedule.due - now)
        now = schedule.due
    return drawn


def test_regular_intervals_are_5_s_scaled_by_a_half_to_three_halves() -> None:
    """F12: 1,000 of them, all in range, spread over it, and of the right mean."""
    drawn = intervals(ReportSchedule(random.Random(1).randbytes, 0.0), 1000, members=2)
    assert min(drawn) >= 2.5
    assert max(drawn) <= 7.5
    assert min(drawn) < 2.6
    assert max(drawn) > 7.4
    assert statistics.mean(drawn) == pytest.approx(5.0, abs=0.15)


def test_first_report_is_early() -> None:
    """F12: 1 s scaled, as for the feedback profile (RFC 4585 section 3.4)."""
    source = random.Random(2).randbytes
    firsts = [ReportSchedule(source, 100.0).due - 100.0 for _ in range(1000)]
    assert min(firsts) >= 0.5
    assert max(firsts) <= 1.5
    assert statistics.mean(firsts) == pytest.approx(1.0, abs=0.03)


def test_many_sources_and_large_packets_keep_to_the_share_of_5_percent() -> None:
    """F12: 65 members and packets of 972 octets: at most 400 octets per second in the mean."""
    schedule = ReportSchedule(random.Random(3).randbytes, 0.0)
    for _ in range(200):
        schedule.note_size(972)
    drawn = intervals(schedule, 200, members=65)
    assert statistics.mean(drawn) == pytest.approx(65 * 1000 / 400, rel=0.05)


SENDER_INFO = (0x0102030405060708, 1234, 5, 600)


def blocks(count: int) -> list[rtcp.ReceptionReport]:
    return [rtcp.ReceptionReport(ssrc, 0, 0, 0, 0, 0, 0) for ssrc in range(count)]


def members(packet: bytes) -> tuple[rtcp.Member, ...]:
    compound = rtcp.parse(packet)
    assert isinstance(compound, rtcp.Compound)
    assert compound.skipped == 0
    return compound.members


SDES = rtcp.SourceDescription((rtcp.SdesChunk(9, ((1, b"cname"),)),))


@pytest.mark.parametrize("sender_info", [SENDER_INFO, None], ids=["sender", "receiver"])
@pytest.mark.parametrize("count", [0, 1, 2, 31])
def test_one_compound_packet_holds_up_to_31_sources(count: int, sender_info: tuple[int, int, int, int] | None) -> None:
    """F9, F32: report first, SDES CNAME behind it, one block per source."""
    (packet,) = compound_packets(9, "cname", sender_info, blocks(count))
    first, sdes = members(packet)
    if sender_info is None:
        assert first == rtcp.ReceiverReport(9, tuple(blocks(count)))
    else:
        assert first == rtcp.SenderReport(9, *sender_info, tuple(blocks(count)))
    assert sdes == SDES


def test_64_sources_take_three_packets_each_whole_and_small() -> None:
    """F9, D27: each begins with a report and has its CNAME; sender information is given once; BYE comes last."""
    packets = compound_packets(9, "cname", SENDER_INFO, blocks(64), leaving=True)
    parsed = [members(packet) for packet in packets]
    assert [type(first) for first, *_ in parsed] == [rtcp.SenderReport, rtcp.ReceiverReport, rtcp.ReceiverReport]
    assert all(rest[0] == SDES for _, *rest in parsed)
    assert [rest[1:] for _, *rest in parsed] == [[], [], [rtcp.Goodbye((9,))]]
    assert max(map(len, packets)) <= 1200 - 20
