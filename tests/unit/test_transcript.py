"""The transcript outlet on virtual time: everything that comes, in order and marked."""

from __future__ import annotations

import pytest

from rtcsplit.media.frame import Fate

from ..audio_stream import START, STEP, Weather, opus_payload, packet, plain_packets, play, red_packets

FRAMES = 10_000


@pytest.mark.parametrize(("loss", "wanted"), [(0.05, 0.995), (0.10, 0.985), (0.20, 0.95)])
def test_redundancy_brings_frames_through_random_loss(loss: float, wanted: float) -> None:
    """F36: the share of all frames that reaches the transcript as they were encoded."""
    outcome = play(Weather(loss=loss, seed=2).carry(red_packets(range(FRAMES))))
    numbers = outcome.numbers("transcript")
    assert numbers == sorted(set(numbers))
    assert len(numbers) / FRAMES >= wanted


def test_jitter_beyond_any_deadline_loses_nothing() -> None:
    """300 ms of jitter: the live outlet gives frames up, the transcript has each of them, marked."""
    outcome = play(Weather(jitter=0.3, seed=4).carry(plain_packets(range(1000))))
    assert outcome.numbers("transcript") == list(range(1000))
    fates = outcome.fates("transcript")
    assert fates[Fate.LATE] > 0
    assert set(fates) == {Fate.RECEIVED, Fate.LATE}
    assert outcome.fates("live")[Fate.RECEIVED] == fates[Fate.RECEIVED]


def test_steps_are_in_order_and_cover_media_time() -> None:
    outcome = play(Weather(jitter=0.1, loss=0.1, seed=6).carry(plain_packets(range(2000))))
    end = outcome.transcript[0][1].media_time
    for _, step in outcome.transcript:
        assert step.media_time == pytest.approx(end, abs=1e-6)
        end = step.media_time + step.duration / 48_000
    assert outcome.fates("transcript")[Fate.CONCEALED] == pytest.approx(200, abs=60)


def test_what_is_in_order_does_not_wait() -> None:
    outcome = play(Weather().carry(plain_packets(range(100))))
    assert [at for at, _ in outcome.transcript] == [at for at, _ in Weather().carry(plain_packets(range(100)))]


def test_a_gap_waits_for_its_packet_and_not_longer_than_patience() -> None:
    """F37: a frame that is resent 300 ms later is in its place; one that never comes is marked after half a second."""
    sent = Weather().carry(plain_packets(range(100)))
    resent = [(at + 0.3 if rtp.sequence_number == 20 else at, rtp) for at, rtp in sent if rtp.sequence_number != 60]
    outcome = play(sorted(resent, key=lambda pair: pair[0]))
    steps = [step for _, step in outcome.transcript]
    assert outcome.numbers("transcript") == [n for n in range(100) if n != 60]
    assert steps[20].fate is Fate.LATE
    assert steps[60].fate is Fate.CONCEALED
    assert outcome.transcript[60][0] == pytest.approx(START + 0.05 + 61 * 0.02 + 0.5)


def test_silence_is_no_loss_and_long_silence_is_not_filled() -> None:
    """F19."""
    arrivals = [(START, packet(1, opus_payload(1)))]
    arrivals.append((START + 0.42, packet(2, opus_payload(2), timestamp=22 * STEP)))
    arrivals.append((START + 10.42, packet(3, opus_payload(3), timestamp=522 * STEP)))
    outcome = play(arrivals)
    steps = [step for _, step in outcome.transcript]
    assert [step.fate for step in steps] == [Fate.RECEIVED, *[Fate.SILENCE] * 20, Fate.RECEIVED, Fate.RECEIVED]
    assert [step.is_gap for step in steps][-2:] == [False, True]
    assert steps[-1].media_time == pytest.approx(10.42)


def test_frames_of_an_ended_stream_come_out_before_the_next() -> None:
    first = [one for one in Weather().carry(plain_packets(range(20))) if one[1].sequence_number not in (17, 18)]
    second = [(at + 0.2, rtp._replace(ssrc=9)) for at, rtp in Weather().carry(plain_packets(range(20, 30)))]
    outcome = play(first + second)
    assert outcome.numbers("transcript") == [*range(17), *range(19, 30)]
    assert outcome.fates("transcript")[Fate.CONCEALED] == 2
