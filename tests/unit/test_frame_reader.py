"""From packets to frames: redundancy, extended numbers, streams."""

from __future__ import annotations

import itertools
import random

import pytest

from rtcsplit.media.frame import Frame
from rtcsplit.media.frame_reader import FrameReader
from rtcsplit.wire.red import RedBlock, build
from rtcsplit.wire.rtp import RtpPacket
from rtcsplit.wire.rtp_extension import AudioLevel

from ..audio_stream import NEGOTIATION, OPUS, PCMU, STEP, opus_payload, packet, plain_packets, red_packets


def read(*arrivals: tuple[float, RtpPacket]) -> list[Frame]:
    reader = FrameReader(NEGOTIATION)
    return [frame for at, rtp in arrivals for frame in reader.read(rtp, at)]


def test_positions_and_sequence_numbers_are_extended_over_their_wraps() -> None:
    """F18: 960 per 20 ms; both counters wrap, some packets overtake others."""
    packets = [
        (0.02 * n, packet(65_530 + n, opus_payload(n), timestamp=(1 << 32) - 5 * STEP + n * STEP)) for n in range(20)
    ]
    packets[7], packets[8] = packets[8], packets[7]
    frames = sorted(read(*packets), key=lambda frame: frame.position)
    assert [frame.position for frame in frames] == [n * STEP for n in range(20)]
    assert [frame.sequence for frame in frames] == [65_530 + n for n in range(20)]
    assert [frame.media_time for frame in frames] == pytest.approx([0.02 * n for n in range(20)])
    assert {frame.stream for frame in frames} == {0}


def test_a_packet_with_redundancy_is_two_frames() -> None:
    """F36: the copy has the numbers that its own packet had."""
    frames = read(*red_packets(range(3)))
    assert [(f.position, f.sequence, f.is_copy) for f in frames] == [
        (0, 0, False),
        (0, 0, True),
        (STEP, 1, False),
        (STEP, 1, True),
        (2 * STEP, 2, False),
    ]
    assert frames[1].payload == frames[0].payload == opus_payload(0)


def test_blocks_of_another_format_are_passed_over() -> None:
    """F36: copies of a codec that was not negotiated, without age, or that are no Opus at all; the primary counts."""
    strange = [
        RedBlock(9, STEP, b"x"),
        RedBlock(0, STEP, b"\xff"),
        RedBlock(111, 0, opus_payload(1)),
        RedBlock(111, STEP, b""),
    ]
    frames = read((0.0, packet(5, build(strange, 111, opus_payload(5)), payload_type=63)))
    assert [(f.payload, f.is_copy) for f in frames] == [(opus_payload(5), False)]
    for primary in (build([], 63, opus_payload(1)), build([], 9, b"x"), build([], 111, b""), b"\xef"):
        assert read((0.0, packet(5, primary, payload_type=63))) == []


def test_padding_alone_is_no_frame() -> None:
    """F2."""
    assert read((0.0, packet(1, b""))) == []


def test_the_level_is_known_without_decoding() -> None:
    """F24: of the packet's own frame; a copy's is not known."""
    level = AudioLevel(33, has_voice=True)
    [(at, rtp)] = red_packets([4])
    frames = FrameReader(NEGOTIATION).read(rtp._replace(audio_level=level), at)
    assert [(frame.is_copy, frame.level) for frame in frames] == [(True, None), (False, level)]


def test_another_ssrc_waits_for_silence_and_then_begins_a_stream() -> None:
    first, *_, last = plain_packets(range(10))
    other = packet(7, opus_payload(7), timestamp=123, ssrc=99)
    frames = read(first, (first[0] + 0.05, other), last, (last[0] + 0.5, other))
    assert [(f.stream, f.position) for f in frames] == [(0, 0), (0, 9 * STEP), (1, 0)]
    assert frames[-1].media_time == pytest.approx(9 * 0.02 + 0.5)


def test_another_codec_begins_a_stream_at_once() -> None:
    """Their clocks differ, so their positions cannot be compared."""
    pcmu = packet(2, bytes(160), timestamp=2 * STEP + 160, payload_type=0)
    frames = read(*plain_packets(range(2)), (100.04, pcmu))
    assert [(f.stream, f.codec, f.duration) for f in frames] == [(0, OPUS, STEP), (0, OPUS, STEP), (1, PCMU, 160)]


@pytest.mark.parametrize("jump", [10.0, -10.0, 1e4])
def test_a_timestamp_that_leaves_the_clock_begins_a_stream(jump: float) -> None:
    sent = plain_packets(range(4))
    moved = [(at, rtp._replace(timestamp=(rtp.timestamp + int(jump * 48_000)) % (1 << 32))) for at, rtp in sent[2:]]
    frames = read(*sent[:2], *moved)
    assert [frame.stream for frame in frames] == [0, 0, 1, 1]
    assert [frame.media_time for frame in frames] == pytest.approx([0.0, 0.02, 0.04, 0.06])


def test_a_source_that_paused_its_clock_goes_on_in_a_new_stream() -> None:
    """A track that was replaced by none for a minute: media time keeps to the clock."""
    sent = plain_packets(range(4))
    frames = read(*sent[:2], *((at + 60.0, rtp) for at, rtp in sent[2:]))
    assert [frame.media_time for frame in frames] == pytest.approx([0.0, 0.02, 60.04, 60.06])
    assert [frame.stream for frame in frames] == [0, 0, 1, 1]


def test_media_time_never_leaves_the_clock() -> None:
    """Random timestamps: media time stays within a few seconds of the call's age."""
    source = random.Random(1)
    reader = FrameReader(NEGOTIATION)
    reader.read(packet(0, opus_payload(0)), 0.0)
    reordered = 0.0
    for n in itertools.count(1):
        at = n * 0.02
        for frame in reader.read(packet(n, opus_payload(n), timestamp=source.getrandbits(32)), at):
            reordered = max(reordered, abs(frame.media_time - at))
        if n == 2000:
            break
    assert reordered < 5.0
