"""From steps to audio: every codec and rate, every fate."""

from __future__ import annotations

import itertools
import math
from array import array

import pytest

from rtcsplit.errors import UsageError
from rtcsplit.media.decoding import FrameDecoder
from rtcsplit.media.encoding import new_encoder
from rtcsplit.media.frame import Fate, Frame, Step
from rtcsplit.media.resample import Resampler
from rtcsplit.session.negotiation import AudioCodec

from ..audio_stream import OPUS, PCMU

PCMA = AudioCodec("pcma", 8, 8_000, 1)
RATES = (48_000, 24_000, 16_000, 8_000)
SECONDS = 1


def tone(rate: int, seconds: float = SECONDS, hertz: float = 440.0) -> bytes:
    return array(
        "h", (int(9000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(rate * seconds)))
    ).tobytes()


def steps(codec: AudioCodec) -> list[Step]:
    encoder = new_encoder(codec, 48_000 if codec is OPUS else 8_000)
    size = 2 * encoder.sample_rate // 50
    audio = tone(encoder.sample_rate)
    duration = codec.clock_rate // 50
    made = []
    for n in range(50 * SECONDS):
        payload = encoder.encode(audio[n * size : (n + 1) * size])
        frame = Frame(0, n * duration, duration, n, payload, codec, n * 0.02, n * 0.02)
        made.append(Step(Fate.RECEIVED, frame.media_time, duration, codec, frame))
    return made


def frequency(audio: bytes, rate: int) -> float:
    """By the zero crossings of the second half."""
    samples = array("h", audio)[rate // 2 :]
    crossings = sum(a < 0 <= b for a, b in itertools.pairwise(samples))
    return crossings * rate / len(samples)


@pytest.mark.parametrize("codec", [OPUS, PCMU, PCMA], ids=lambda codec: codec.name)
@pytest.mark.parametrize("rate", [*RATES, 44_100, 12_000])
def test_a_tone_comes_out_at_the_rate_that_is_wanted(codec: AudioCodec, rate: int) -> None:
    """Live PCM at 48, 24, 16 and 8 kHz and odd rates; at most 30 ms are held back by a resampler."""
    decoder = FrameDecoder(rate)
    audio = b"".join(decoder.decode(step) for step in steps(codec))
    assert SECONDS - 0.031 <= len(audio) / 2 / rate <= SECONDS
    assert frequency(audio, rate) == pytest.approx(440, abs=6)
    assert 8_500 < max(array("h", audio)) < 9_700


@pytest.mark.parametrize("codec", [OPUS, PCMU], ids=lambda codec: codec.name)
def test_every_fate_is_as_long_as_its_step(codec: AudioCodec) -> None:
    decoder = FrameDecoder(8_000)
    made = steps(codec)
    made[10] = made[10]._replace(fate=Fate.CONCEALED, frame=None)
    made[12] = made[12]._replace(fate=Fate.SILENCE, frame=None)
    made[14] = made[14]._replace(fate=Fate.RECOVERED, frame=made[15].frame)
    made[16] = made[16]._replace(fate=Fate.COPIED)
    made[17] = made[17]._replace(fate=Fate.LATE)
    made[18:25] = [step._replace(fate=Fate.CONCEALED, frame=None) for step in made[18:25]]
    audio = [decoder.decode(step) for step in made]
    assert {len(one) for one in audio} == {320}
    assert max(array("h", audio[12])) == 0
    assert max(array("h", audio[10])) > 1000
    assert max(array("h", audio[24])) < 1500  # concealment fades


def test_a_payload_that_does_not_decode_is_concealed() -> None:
    """Hostile octets under a sound TOC: as long as they say, and nothing is raised."""
    decoder = FrameDecoder(16_000)
    [first, *_] = steps(OPUS)
    assert first.frame is not None
    for payload in (b"\x83\xff\xff", b"\x4b\x41" + bytes(3), b"\xff\x30" + b"\xff" * 9):
        frame = first.frame._replace(payload=payload)
        assert len(decoder.decode(first._replace(frame=frame, duration=960))) in (640, 3840, 1920)


def test_the_codec_may_change_on_the_way() -> None:
    decoder = FrameDecoder(16_000)
    audio = [decoder.decode(step) for step in (*steps(OPUS)[:5], *steps(PCMU)[:10], *steps(OPUS)[5:10])]
    assert [len(one) for one in audio[:5] + audio[-5:]] == [640] * 10


def test_impossible_rates_are_refused() -> None:
    for rate in (0, 7_999, 96_000):
        with pytest.raises(UsageError):
            FrameDecoder(rate)
        with pytest.raises(UsageError):
            Resampler(8_000, rate)


def test_a_resampler_hands_out_the_rest_at_the_end_and_begins_anew() -> None:
    """Two utterances of half a second, each as long afterwards as before."""
    resampler = Resampler(24_000, 8_000)
    for _ in range(2):
        audio = tone(24_000, 0.5)
        out = resampler.process(audio[:9_998]) + resampler.process(audio[9_998:])
        out += resampler.process(b"", is_last=True)
        assert len(out) / 2 == pytest.approx(4_000, abs=2)
