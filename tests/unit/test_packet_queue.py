"""Packets that were encoded elsewhere: what is taken, what is refused, how they are paced and cut off."""

from __future__ import annotations

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.media.encoding import new_encoder
from rtcsplit.media.opus import OpusDecoder
from rtcsplit.media.packet_encoder import PacketEncoder
from rtcsplit.media.packet_queue import PacketQueue
from rtcsplit.media.playout import Playout
from rtcsplit.media.playout_events import SegmentFinished, SegmentStarted
from rtcsplit.session.negotiation import AudioCodec
from tests.voice_calls import encoded, speech

OPUS = AudioCodec("opus", 111, 48_000, 2)
PCMU = AudioCodec("pcmu", 0, 8_000, 1)
PACKETS = encoded(speech())[:20]
SILENCE = b"\xf8\xff\xfe"


def queue(codec: AudioCodec = OPUS, packets: int = 10) -> PacketQueue:
    frame = codec.clock_rate // 50
    return PacketQueue(codec, frame, packets * frame)


def test_packets_come_out_in_segments() -> None:
    one = queue()
    assert one.segments.begin("a") == "a"
    for packet in PACKETS[:2]:
        one.write(packet)
    first = one.take()
    assert first == (PACKETS[0], ("a", 0, 960, False))
    one.segments.begin("b")
    assert one.take() == (PACKETS[1], ("a", 960, 960, True))
    assert one.take() is None
    one.segments.end()
    assert one.take() == (b"", ("b", 0, 0, True))
    assert (one.segments.current, one.samples, one.segments.is_open) == (None, 0, False)


@pytest.mark.parametrize(
    ("codec", "packet"),
    [
        (OPUS, b""),
        (OPUS, b"\x90" + bytes(40)),  # 10 ms
        (OPUS, b"\x03\x00"),  # no frames
        (OPUS, b"\xf8" + bytes(1172)),
        (PCMU, bytes(159)),
        (PCMU, bytes(161)),
    ],
    ids=["empty", "other duration", "no frames", "too long", "short", "long"],
)
def test_what_is_no_packet_of_20_ms_is_refused(codec: AudioCodec, packet: bytes) -> None:
    one = queue(codec)
    with pytest.raises(UsageError):
        one.write(packet)
    assert (one.samples, one.segments.current) == (0, None)


def test_a_full_queue_takes_no_more() -> None:
    one = queue(packets=2)
    one.write(PACKETS[0])
    one.write(PACKETS[1])
    with pytest.raises(UsageError):
        one.write(PACKETS[2])
    assert one.room == 0
    assert one.clear() == ["1"]
    assert one.room == one.capacity


def play(playout: Playout, until: float) -> list[bytes]:
    while (due := playout.next_timer()) is not None and due < until:
        playout.handle_timer(due)
    return [frame.payload for frame in playout.frames_to_send()]


def events(playout: Playout) -> list[object]:
    found = []
    while (event := playout.next_event()) is not None:
        found.append(event)
    return found


def test_packets_leave_20_ms_apart_as_they_are_and_silence_follows() -> None:
    playout = Playout(new_encoder(OPUS, None))
    for packet in PACKETS[:5]:
        playout.write(packet, 0.0)
    playout.end_segment(0.0)
    assert play(playout, 0.05) == PACKETS[:3]
    assert play(playout, 1.0) == [*PACKETS[3:5], *[SILENCE] * 5]
    assert events(playout) == [SegmentStarted("1"), SegmentFinished("1", pytest.approx(0.1), False)]


def test_a_flush_sends_silence_at_once_and_drops_the_rest() -> None:
    playout = Playout(new_encoder(OPUS, None))
    for packet in PACKETS[:10]:
        playout.write(packet, 0.0)
    assert play(playout, 0.05) == PACKETS[:3]
    finished = playout.flush(0.05)
    assert finished is not None
    assert finished.seconds == pytest.approx(0.065)
    assert play(playout, 1.0) == [SILENCE] * 6
    assert not playout.is_playing


def test_a_pause_holds_packets_whole() -> None:
    """Without decoding there is no fade; each packet leaves once."""
    playout = Playout(new_encoder(OPUS, None))
    for packet in PACKETS[:6]:
        playout.write(packet, 0.0)
    playout.end_segment(0.0)
    assert play(playout, 0.05) == PACKETS[:3]
    playout.pause(0.05)
    assert play(playout, 1.0) == [SILENCE] * 5
    playout.resume(1.0)
    assert play(playout, 2.0) == [*PACKETS[3:6], *[SILENCE] * 5]
    assert events(playout) == [SegmentStarted("1"), SegmentFinished("1", pytest.approx(0.12), False)]


@pytest.mark.parametrize("name", ["opus", "pcmu", "pcma"])
def test_each_codec_has_a_packet_of_20_ms_of_silence(name: str) -> None:
    codec = OPUS if name == "opus" else AudioCodec(name, 8, 8_000, 1)
    silence = PacketEncoder(codec).silence
    queue(codec).write(silence)
    if name == "opus":
        assert set(OpusDecoder().decode(silence) or b"x") <= {0, 1, 255}
