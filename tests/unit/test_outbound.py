"""The stream that we send: its first numbers, its timestamps, its marker."""

from __future__ import annotations

import random

import pytest
from pylibsrtp import Policy, Session

from rtcsplit.drops import DropReason
from rtcsplit.media.outbound import OutboundStream
from rtcsplit.wire.rtp import RtpPacket, parse

STEP = 960
CLOCK = 48_000


def stream(seed: int = 1, ssrc: int | None = None) -> OutboundStream:
    return OutboundStream(ssrc, CLOCK, random.Random(seed).randbytes)


def send(stream: OutboundStream, now: float, *, gap: int | None = None, marker: bool = False) -> RtpPacket:
    octets = stream.packet(
        b"x" * 80, payload_type=111, clock_rate=CLOCK, duration=STEP, gap=gap, marker=marker, now=now
    )
    packet = parse(octets)
    assert not isinstance(packet, DropReason)
    return packet


def test_first_numbers_are_random_and_the_sequence_starts_low() -> None:
    """E7, F16: 10,000 starts; no sequence number of 32,768 or more, and pairs that do not repeat."""
    source = random.Random(7).randbytes
    firsts = [send(OutboundStream(None, CLOCK, source), 0.0) for _ in range(10_000)]
    numbers = [packet.sequence_number for packet in firsts]
    assert max(numbers) < 32_768
    assert min(numbers) < 100
    assert max(numbers) > 32_668
    assert len({(packet.sequence_number, packet.timestamp) for packet in firsts}) == 10_000
    assert len({packet.ssrc for packet in firsts}) > 9_990
    assert sum(packet.timestamp >> 31 for packet in firsts) == pytest.approx(5_000, abs=300)


def test_ten_lost_first_packets_do_not_break_decryption() -> None:
    """E7: a start at the limit; both sides of SRTP still agree on the rollover counter."""
    key = bytes(range(30))
    sender = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
    receiver = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND))

    def limit(octets: int) -> bytes:
        return b"\x7f\xff" if octets == 2 else bytes(octets)

    outbound = OutboundStream(5, CLOCK, limit)
    plain = [
        outbound.packet(b"x", payload_type=111, clock_rate=CLOCK, duration=STEP, gap=0, marker=False, now=n * 0.02)
        for n in range(33_000)
    ]
    assert plain[0][2:4] == b"\x7f\xff"
    protected = [sender.protect(packet) for packet in plain]
    for number in (*range(10, 30), *range(32_700, 33_000)):
        assert receiver.unprotect(protected[number]) == plain[number]


def test_paced_packets_are_contiguous_and_only_the_first_has_the_marker() -> None:
    """F16, F18: the step is 960 for 20 ms; a timer that is up to 0.1 s late leaves no gap."""
    outbound = stream()
    packets = [send(outbound, n * 0.02 + (0.09 if n == 5 else 0)) for n in range(50)]
    first = packets[0]
    assert [p.marker for p in packets] == [True] + [False] * 49
    assert [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p in packets] == [n * STEP for n in range(50)]
    assert [p.sequence_number - first.sequence_number for p in packets] == list(range(50))


def test_timestamp_jumps_over_a_silence_and_the_marker_is_set() -> None:
    """F16, F19: 400 ms without a packet: sequence + 1, timestamp + 20 frames, marker on that packet alone."""
    outbound = stream()
    before = send(outbound, 10.0)
    after = send(outbound, 10.42)
    then = send(outbound, 10.44)
    assert after.sequence_number == before.sequence_number + 1
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 21 * STEP
    assert (after.marker, then.marker) == (True, False)
    assert (then.timestamp - after.timestamp) & 0xFFFFFFFF == STEP


def test_speech_made_faster_than_real_time_is_contiguous() -> None:
    """Ten seconds in a burst are no reason for a gap until they have been played."""
    outbound = stream()
    first = send(outbound, 0.0)
    for _ in range(499):
        send(outbound, 0.0)
    follows = send(outbound, 10.05)
    assert (follows.timestamp - first.timestamp) & 0xFFFFFFFF == 500 * STEP
    assert not follows.marker
    assert send(outbound, 10.5).marker


def test_explicit_gap_is_taken_as_given_and_sets_no_marker() -> None:
    outbound = stream()
    first = send(outbound, 0.0)
    second = send(outbound, 0.5, gap=0)
    third = send(outbound, 0.52, gap=STEP)
    fourth = send(outbound, 0.54, gap=0, marker=True)
    stamps = [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p in (second, third, fourth)]
    assert stamps == [STEP, 3 * STEP, 4 * STEP]
    assert [p.marker for p in (first, second, third, fourth)] == [True, False, False, True]


def test_sequence_and_timestamp_wrap() -> None:
    outbound = OutboundStream(5, CLOCK, lambda octets: b"\xff" * octets)
    packets = [send(outbound, n * 0.02) for n in range(32_770)]
    assert packets[0].sequence_number == 32_767
    assert packets[-1].sequence_number == 0
    assert (packets[0].timestamp, packets[1].timestamp) == (0xFFFFFFFF, STEP - 1)


def test_timestamp_of_an_instant_follows_the_clock_between_and_after_packets() -> None:
    """F7: what an SR pairs with its NTP time."""
    outbound = stream()
    first = send(outbound, 5.0)
    for at, elapsed in ((5.0, 0), (5.01, 480), (5.02, 960), (9.0, 192_000)):
        assert (outbound.timestamp_at(at) - first.timestamp) & 0xFFFFFFFF == elapsed


def test_new_ssrc_is_neither_taken_nor_one_of_ours_and_counts_from_zero() -> None:
    """E12, F15: an SSRC never comes back, even where the random source gives it again; totals go on."""
    outbound = OutboundStream(None, CLOCK, lambda octets: b"\x01" * octets)
    assert outbound.ssrc == 0x01010101
    send(outbound, 0.0)
    outbound.change_ssrc({0x01010102})
    assert outbound.ssrc == 0x01010103
    assert (outbound.ssrc_packets_sent, outbound.ssrc_octets_sent) == (0, 0)
    assert send(outbound, 0.02).marker
    outbound.change_ssrc(())
    assert outbound.ssrc == 0x01010102
    assert (outbound.packets_sent, outbound.octets_sent, outbound.ssrcs_used) == (2, 160, 3)
