"""Encoders by what was negotiated: the limits of the peer's fmtp, and one frame back."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import pytest

from rtcsplit.errors import NativeError, UsageError
from rtcsplit.media.encoding import EncodeJob, FrameEncoder, OpusFrameEncoder, new_encoder, run_now
from rtcsplit.media.opus import encode_frames
from rtcsplit.media.opus_packet import opus_duration, opus_has_redundancy

from ..audio_stream import OPUS, PCMU

SPEECH = Path(__file__).parents[2] / "rtcsplit" / "cli" / "demo" / "audio" / "speech.wav"


def speech(rate: int = 16_000, frame_ms: int = 20, frames: int = 150) -> list[bytes]:
    with wave.open(str(SPEECH)) as file:
        audio = file.readframes(file.getnframes())
    size = 2 * rate * frame_ms // 1000
    return [audio[n * size : (n + 1) * size] for n in range(frames)]


def encoder(**parameters: str) -> OpusFrameEncoder:
    return OpusFrameEncoder(replace(OPUS, parameters=parameters), 16_000)


def payloads(one: FrameEncoder) -> list[bytes]:
    return [one.encode(frame) for frame in speech(frame_ms=one.frame_ms, frames=100)]


def rate_of(packets: list[bytes]) -> float:
    return sum(map(len, packets)) * 8 * 50 / len(packets)


def test_the_peers_limit_on_the_bitrate_is_kept() -> None:
    """F20: maxaveragebitrate; without one it is ours."""
    assert rate_of(payloads(encoder(maxaveragebitrate="12000"))) < 13_500
    assert 20_000 < rate_of(payloads(encoder(maxaveragebitrate="510000"))) < 40_000


def test_a_later_answer_changes_the_stream_that_goes_on() -> None:
    """F20: each limit, and back; the frame after it has the new duration."""
    one = encoder(useinbandfec="1")
    payloads(one)
    one.renegotiate(replace(OPUS, parameters={"maxaveragebitrate": "12000", "cbr": "1", "ptime": "40"}))
    packets = payloads(one)
    assert len(set(map(len, packets))) == 1
    assert rate_of(packets) / 2 < 13_500
    assert {opus_duration(packet) for packet in packets} == {1920}
    assert not any(map(opus_has_redundancy, packets[1:]))
    one.renegotiate(replace(OPUS, parameters={"useinbandfec": "1"}))
    assert len(one.silence) == 640
    packets = payloads(one)
    assert rate_of(packets) > 20_000
    assert sum(map(opus_has_redundancy, packets)) > 30


def test_redundancy_is_added_only_for_a_peer_that_uses_it() -> None:
    """F20: useinbandfec; its default is 0 (RFC 7587 section 6.1)."""
    assert not any(map(opus_has_redundancy, payloads(encoder())))
    assert sum(map(opus_has_redundancy, payloads(encoder(useinbandfec="1")))) > 30


def test_a_constant_rate_is_constant() -> None:
    """F20: cbr."""
    assert len({len(payload) for payload in payloads(encoder(cbr="1"))}) == 1
    assert len({len(payload) for payload in payloads(encoder())}) > 10


def test_no_more_bandwidth_is_sent_than_is_played() -> None:
    """F20: maxplaybackrate; narrowband, in the TOC (RFC 6716 table 2)."""
    assert {payload[0] >> 3 for payload in payloads(encoder(maxplaybackrate="8000"))} <= {0, 1, 2, 3, 16, 17, 18, 19}


@pytest.mark.parametrize(
    ("parameters", "milliseconds"),
    [
        ({}, 20),
        ({"minptime": "10"}, 20),
        ({"minptime": "40"}, 40),
        ({"ptime": "60"}, 60),
        ({"ptime": "50"}, 40),
        ({"ptime": "60", "maxptime": "40"}, 40),
        ({"maxptime": "10"}, 10),
    ],
    ids=str,
)
def test_frames_are_as_long_as_the_peer_wants_them(parameters: dict[str, str], milliseconds: int) -> None:
    """F20, F18: minptime, ptime, maxptime."""
    one = encoder(**parameters)
    assert one.frame_ms == milliseconds
    assert {opus_duration(payload) for payload in payloads(one)[:5]} == {48 * milliseconds}


def test_silence_shrinks_with_discontinuous_transmission() -> None:
    """F20: usedtx is the peer's wish; whether we do is a setting."""
    one = OpusFrameEncoder(OPUS, 16_000, has_dtx=True)
    assert sum(len(one.encode(bytes(640))) <= 2 for _ in range(100)) > 60


def test_a_frame_can_be_taken_back() -> None:
    one, twin = encoder(useinbandfec="1"), encoder(useinbandfec="1")
    frames = speech(frames=20)
    expected = [twin.encode(frame) for frame in frames]
    found = []
    for frame in frames:
        one.encode(bytes(640))
        one.undo()
        found.append(one.encode(frame))
    assert found == expected


def test_a_frame_that_does_not_fit_is_refused() -> None:
    """Too long, half a sample; and one that is no Opus duration leaves no payload."""
    one = encoder()
    for audio in (bytes(642), bytes(3)):
        with pytest.raises(UsageError):
            one.encode(audio)
    with pytest.raises(NativeError):
        one.encode(bytes(10))
    assert one.encode(bytes(640))


def test_frames_of_many_encoders_are_encoded_at_once() -> None:
    """The same payloads as one by one."""
    ones, twins = [encoder() for _ in range(5)], [encoder() for _ in range(5)]
    for n, frame in enumerate(speech(frames=10)):
        slots = [one.load(frame) for one in ones[: n % 5 + 1]]
        encode_frames(slots)
        assert [slot.payload() for slot in slots] == [twin.encode(frame) for twin in twins[: n % 5 + 1]]


@pytest.mark.parametrize(("wanted", "own"), [(48_000, 48_000), (24_000, 24_000), (8_000, 8_000), (44_100, 48_000)])
def test_the_encoder_takes_the_rate_that_is_written_where_it_can(wanted: int, own: int) -> None:
    assert new_encoder(OPUS, wanted).sample_rate == own
    assert new_encoder(PCMU, wanted).sample_rate == 8_000


def test_a_job_runs_where_it_is_submitted() -> None:
    job = EncodeJob(new_encoder(PCMU, 8_000), bytes(320))
    run_now(job)()
    assert job.payload == b"\xff" * 160


def test_an_impossible_complexity_is_refused() -> None:
    with pytest.raises(UsageError):
        new_encoder(OPUS, 16_000, complexity=11)
