"""Inbound sources against the C of RFC 3550 appendix A, transcribed line by line, and sessions against any octets."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from rtcsplit.drops import DropReason
from rtcsplit.media.rtp_session import RtpSession
from rtcsplit.media.source import InboundSource
from rtcsplit.session.negotiation import AudioCodec, AudioNegotiation, Direction
from rtcsplit.wire.rtp import RtpPacket, build

CLOCK = 48_000


class AppendixA:
    """``struct source`` with ``init_seq``, ``update_seq``, the loss of A.3 and the jitter of A.8.

    One thing is corrected: A.1 compares ``seq == s->max_seq + 1`` as int, which misses the wrap. And two are ours: a
    restart forgets the transit time, whose difference would say nothing, and MIN_SEQUENTIAL is 1.
    """

    def __init__(self, seq: int) -> None:
        self.init_seq(seq)
        self.max_seq = (seq - 1) % 65536
        self.probation = 1
        self.transit: int | None = None
        self.jitter = 0

    def init_seq(self, seq: int) -> None:
        self.base_seq = self.max_seq = seq
        self.bad_seq = 65537
        self.cycles = self.received = self.received_prior = self.expected_prior = 0
        self.transit = None

    def update_seq(self, seq: int) -> int:
        udelta = (seq - self.max_seq) % 65536
        if self.probation:
            if seq == (self.max_seq + 1) % 65536:
                self.probation -= 1
                self.max_seq = seq
                if self.probation == 0:
                    self.init_seq(seq)
                    self.received += 1
                    return 1
            else:
                self.probation = 1
                self.max_seq = seq
            return 0
        if udelta < 3000:
            if seq < self.max_seq:
                self.cycles += 65536
            self.max_seq = seq
        elif udelta <= 65536 - 100:
            if seq == self.bad_seq:
                self.init_seq(seq)
            else:
                self.bad_seq = (seq + 1) & 65535
                return 0
        self.received += 1
        return 1

    def update_jitter(self, timestamp: int, arrival: int) -> None:
        transit = (arrival - timestamp) % (1 << 32)
        if self.transit is not None:
            d = (transit - self.transit + (1 << 31)) % (1 << 32) - (1 << 31)
            self.jitter += abs(d) - ((self.jitter + 8) >> 4)
        self.transit = transit

    def report(self) -> tuple[int, int, int, int]:
        extended_max = self.cycles + self.max_seq
        expected = extended_max - self.base_seq + 1
        lost = expected - self.received
        expected_interval = expected - self.expected_prior
        self.expected_prior = expected
        received_interval = self.received - self.received_prior
        self.received_prior = self.received
        lost_interval = expected_interval - received_interval
        fraction = 0 if expected_interval == 0 or lost_interval <= 0 else (lost_interval << 8) // expected_interval
        return fraction, lost, extended_max, self.jitter >> 4


JUMPS = st.one_of(
    st.just(1),
    st.integers(-5, 5),
    st.sampled_from((-101, -100, -99, 2999, 3000, 3001, 32_768)),
    st.integers(0, 65_535),
)
ARRIVALS = st.lists(st.tuples(JUMPS, st.integers(-(1 << 33), 1 << 33), st.booleans()), max_size=60)


@given(st.integers(0, 65_535), ARRIVALS)
@settings(max_examples=300)
def test_source_agrees_with_the_appendix(first: int, arrivals: list[tuple[int, int, bool]]) -> None:
    """F3, F4, F5, F6: the same packets count, and every report is the same."""
    source, twin = InboundSource(1, first, CLOCK, 0.0), AppendixA(first)
    number = first
    for step, (jump, timestamp, is_report) in enumerate([(0, 0, False), *arrivals]):
        number = (number + jump) % 65_536
        now = step / 50
        counted = source.receive(number, timestamp & 0xFFFFFFFF, 10, CLOCK, now)
        assert counted == bool(twin.update_seq(number))
        if counted:
            twin.update_jitter(timestamp & 0xFFFFFFFF, step * 960)
        if is_report and twin.received > twin.received_prior:
            block = source.report(now)
            assert block is not None
            assert (block.fraction_lost, block.packets_lost, block.highest_sequence, block.jitter) == twin.report()


AUDIO = AudioNegotiation("0", Direction.SENDRECV, (AudioCodec("opus", 111, 48_000, 2),))
PACKETS = st.tuples(
    st.sampled_from((111, 111, 0)),
    st.integers(0, 65_535),
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from((1, 2, 3)),
    st.binary(max_size=20),
).map(lambda fields: build(RtpPacket(*fields)))
RTCP_HEADS = st.builds(
    lambda first, kind, words, body: bytes((first, kind, 0, words)) + body,
    st.integers(0, 255),
    st.integers(192, 223),
    st.integers(0, 12),
    st.binary(max_size=60),
)


@given(st.lists(st.one_of(PACKETS, RTCP_HEADS, st.binary(max_size=60)), max_size=40))
def test_no_octets_raise_and_every_packet_is_taken_or_refused(packets: list[bytes]) -> None:
    """Every packet counts once or has a reason; reports can be made at any moment."""
    session = RtpSession(AUDIO, "c", random.Random(1).randbytes, 0.0, ntp_offset=1e9)
    taken = 0
    for step, octets in enumerate(packets):
        taken += not isinstance(session.receive_rtp(octets, step * 0.5), DropReason)
        assert session.receive_rtcp(octets, step * 0.5) in (None, DropReason.RTCP_MALFORMED)
        session.handle_timer(step * 0.5)
        assert all(len(report) <= 1200 for report in session.rtcp_to_send(step * 0.5))
    assert session.statistics.packets_received == taken
