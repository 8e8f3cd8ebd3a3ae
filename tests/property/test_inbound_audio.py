"""Both outlets against any order of arrivals, and any octets: what always holds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtcsplit.media.decoding import FrameDecoder
from rtcsplit.media.frame import Fate, Step
from rtcsplit.media.inbound_audio import InboundAudio
from rtcsplit.media.jitter import JitterBuffer
from rtcsplit.media.transcript import TranscriptBuffer
from rtcsplit.wire.rtp import RtpPacket

from ..audio_stream import NEGOTIATION, START, Sent, Weather, plain_packets, play, red_packets

weather = st.builds(
    Weather,
    delay=st.just(0.05),
    jitter=st.floats(0, 0.4),
    loss=st.floats(0, 0.6),
    seed=st.integers(0, 1 << 30),
)
wild_packet = st.builds(
    RtpPacket,
    payload_type=st.sampled_from([111, 0, 63, 9]),
    sequence_number=st.integers(0, 0xFFFF) | st.integers(0, 40),
    timestamp=st.integers(0, 0xFFFF_FFFF) | st.integers(0, 40).map(lambda n: n * 960),
    ssrc=st.sampled_from([1, 1, 1, 2]),
    payload=st.binary(max_size=40) | st.binary(min_size=1, max_size=40).map(lambda octets: b"\x48" + octets),
)


def assert_in_order(steps: list[tuple[float, Step]]) -> None:
    end = None
    for _, step in steps:
        assert step.duration > 0
        if end is not None and not step.is_gap:
            assert abs(step.media_time - end) < 1e-6
        end = step.media_time + step.duration / step.codec.clock_rate


@settings(max_examples=150, deadline=None)
@given(weather, st.booleans(), st.booleans())
def test_outlets_are_in_order_and_each_frame_comes_once(conditions: Weather, is_even: bool, has_red: bool) -> None:
    sent = (red_packets if has_red else plain_packets)(range(120))
    arrivals = conditions.carry(sent)
    outcome = play(arrivals, is_even=is_even)
    for outlet in ("live", "transcript"):
        numbers = outcome.numbers(outlet)
        assert numbers == sorted(set(numbers))
        assert_in_order(getattr(outcome, outlet))
    # what the live outlet had, the transcript has; and what came in time is there
    assert set(outcome.numbers("live")) <= set(outcome.numbers("transcript"))


@settings(max_examples=100, deadline=None)
@given(weather)
def test_the_transcript_has_every_frame_that_came_within_its_patience(conditions: Weather) -> None:
    """From the first one on: there is nobody before it to wait for."""
    arrivals = conditions.carry(plain_packets(range(120)))
    came = [rtp.sequence_number for _, rtp in arrivals]
    outcome = play(arrivals)
    assert outcome.numbers("transcript") == sorted(number for number in came if number >= came[0])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.3), wild_packet), max_size=60))
def test_any_packets_are_taken_without_a_word(script: list[tuple[float, RtpPacket]]) -> None:
    """Wild numbers, sources, redundancy and payloads: bounded work, every step decodes to its length."""
    inbound = InboundAudio(NEGOTIATION, JitterBuffer(), TranscriptBuffer())
    decoders = FrameDecoder(8_000), FrameDecoder(8_000)
    now = START
    arrivals: list[Sent] = []
    for pause, rtp in script:
        now += pause
        arrivals.append((now, rtp))
    for at, rtp in arrivals:
        inbound.receive(rtp, at)
        for steps, decoder in zip((inbound.live_steps(at), inbound.transcript_steps(at)), decoders, strict=True):
            assert len(steps) <= 700
            for step in steps:
                audio = decoder.decode(step)
                if step.fate in (Fate.SILENCE, Fate.CONCEALED, Fate.RECOVERED):
                    assert len(audio) // 2 * step.codec.clock_rate == step.duration * 8_000
    for step in inbound.finish():
        decoders[1].decode(step)
