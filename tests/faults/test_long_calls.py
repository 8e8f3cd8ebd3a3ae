"""What only long calls see, on virtual time: numbers that wrap, keys that are used up, a day of reports.

::

    client ---- SRTP, in batches ----> transceiver, which returns each packet
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from rtcsplit.media.rtp_session import RtpSession
from rtcsplit.session.events import EndCause
from rtcsplit.session.negotiation import AudioCodec, AudioNegotiation, Direction
from rtcsplit.session.srtp import MAX_RTCP_PACKETS, MAX_RTP_PACKETS
from rtcsplit.wire import rtcp
from rtcsplit.wire.packet import Kind, classify
from rtcsplit.wire.rtp import RtpPacket
from rtcsplit.wire.rtp import parse as parse_rtp

from ..calls import rtp
from ..client_peer import ClientPeer
from ..desk import OPUS_20_MS, Desk

WRAP = 1 << 16
BATCH = 64
SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]  # 13 million packets
OPUS = AudioNegotiation("0", Direction.SENDRECV, (AudioCodec("opus", 111, 48_000, 2),))


class Talk:
    """A connected call whose client hands over packets in batches."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.call, self.client = self.desk.dial()
        self.desk.connect(self.client)
        self.returned = 0

    def say(self, numbers: Sequence[int]) -> None:
        """Send packets of these extended numbers at once; those that come back are opened and counted."""
        assert self.client.srtp is not None
        protect, path = self.client.srtp.protect, self.client.path
        batch = [(protect(rtp(number, OPUS_20_MS)), path) for number in numbers]
        self.desk.receive_batch(batch, self.desk.network.now)
        for datagram, path in self.desk.datagrams_to_send(self.desk.network.now):
            if classify(datagram) is Kind.RTP:
                assert isinstance(self.client.srtp.unprotect(datagram), bytes)
                self.returned += 1
            else:
                self.client.receive(datagram, path, self.desk.network.now)


@pytest.mark.parametrize("wraps", [1, pytest.param(100, marks=SOAK)])
def test_every_packet_of_many_wraps_comes_back(wraps: int) -> None:
    """F4, E5: a day of 20 ms packets is 66 wraps; rollover counters of both sides agree in both directions."""
    talk = Talk()
    last = 65_000 + wraps * WRAP
    for first in range(65_000, last, BATCH):
        talk.say(range(first, min(first + BATCH, last)))
        talk.desk.network.now += 0.0001
    assert talk.returned == wraps * WRAP
    assert talk.call.statistics is not None
    assert (talk.call.statistics.packets_received, talk.call.statistics.packets_lost) == (wraps * WRAP, 0)
    assert not talk.desk.drops


def test_a_hundred_wraps_with_losses_and_reordering() -> None:
    """F4, E5: of each 1,000 numbers three are sent, in another order; every one of them is opened and counted right."""
    talk = Talk()
    chance = random.Random(1)
    sent = 0
    for base in range(1_000, 100 * WRAP + 2_000, 1_000):
        numbers = [base, base + 30, base + 60]
        chance.shuffle(numbers)
        talk.say(numbers)
        sent += len(numbers)
        talk.desk.network.now += 0.02
    assert talk.returned == sent
    assert talk.call.statistics is not None
    statistics = talk.call.statistics
    highest = statistics.packets_lost + statistics.packets_received
    assert highest > 100 * WRAP
    assert statistics.packets_received == sent
    assert not talk.desk.drops


def ended(talk: Talk) -> tuple[dict[EndCause, int], ClientPeer]:
    talk.desk.network.run_for(1.0)
    return dict(talk.desk.board.ended), talk.client


@pytest.mark.parametrize("left", [1, 2, 5])
def test_the_last_rtp_packet_that_the_keys_may_protect_is_the_last_one_sent(left: int) -> None:
    """E11 (RFC 3711 section 9.2): whether batches or calls protect it; close_notify ends the call in order."""
    talk = Talk()
    talk.say(range(1, 3))
    srtp = talk.call.session.srtp
    assert srtp is not None
    srtp.rtp_count = MAX_RTP_PACKETS - left
    before = talk.returned
    talk.say(range(3, 3 + 10))
    causes, client = ended(talk)
    assert talk.returned - before <= left
    assert srtp.rtp_count <= MAX_RTP_PACKETS
    assert causes == {EndCause.KEYS_EXHAUSTED: 1}
    assert client.is_closed_by_peer


def test_the_last_rtcp_packet_that_the_keys_may_protect_is_the_last_one_sent() -> None:
    """E11 (RFC 3711 section 9.2): the regular report uses the keys up."""
    talk = Talk()
    srtp = talk.call.session.srtp
    assert srtp is not None
    srtp.rtcp_count = MAX_RTCP_PACKETS - 1
    talk.desk.network.run_for(10.0)
    causes, client = ended(talk)
    assert srtp.rtcp_count == MAX_RTCP_PACKETS
    assert len(client.received_rtcp) == 1
    assert causes == {EndCause.KEYS_EXHAUSTED: 1}
    assert client.is_closed_by_peer


@pytest.mark.parametrize("hours", [1, pytest.param(24, marks=pytest.mark.long)])
def test_reports_of_a_day(hours: int) -> None:
    """F7, F8, F12: round trips stay exact, NTP and RTP time together, and nothing but totals grows."""
    start, delay = 5_000.0, 0.040
    ends = [
        RtpSession(OPUS, name, random.Random(seed).randbytes, start, ntp_offset=1.7e9, ssrc=seed)
        for seed, name in enumerate(("ours", "theirs"), 1)
    ]
    senders: list[rtcp.SenderReport] = []
    now, spoken = start, start
    while now < start + hours * 3600:
        now = min(spoken, *(timer for end in ends if (timer := end.next_timer()) is not None))
        if now >= spoken:
            packet = ends[0].send(OPUS_20_MS, duration=960, now=now)
            assert isinstance(ends[1].receive_rtp(packet, now + delay / 2), RtpPacket)
            spoken += 1.0
        for end, other in zip(ends, reversed(ends), strict=True):
            end.handle_timer(now)
            for compound in end.rtcp_to_send(now):
                assert other.receive_rtcp(compound, now + delay / 2) is None
                parsed = rtcp.parse(compound)
                assert isinstance(parsed, rtcp.Compound)
                senders += [member for member in parsed.members if isinstance(member, rtcp.SenderReport)]
    ours, theirs = ends[0].statistics, ends[1].statistics
    assert ours.round_trip_time == pytest.approx(delay, abs=1 / 32768)
    assert (theirs.packets_received, theirs.packets_lost) == (ours.packets_sent, 0)
    assert ours.packets_sent == hours * 3600 + 1
    assert len(senders) == pytest.approx(hours * 3600 / 5, rel=0.1)
    first, last = senders[0], senders[-1]
    seconds = (last.ntp_time - first.ntp_time) / 2**32
    step = (last.rtp_timestamp - first.rtp_timestamp - round(seconds * 48_000) + 2**31) % 2**32 - 2**31
    assert abs(step) <= 48  # 1 ms, after a day in which the timestamps wrapped
    assert len(theirs.sources) == 1
    assert parse_rtp(ends[0].send(OPUS_20_MS, duration=960, now=now)) is not None
