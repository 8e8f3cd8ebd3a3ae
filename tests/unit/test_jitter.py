"""The live outlet on virtual time: order, deadlines, what fills in, and how the delay follows the network."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from rtcsplit.media.frame import Fate, Step
from rtcsplit.media.inbound_audio import InboundAudio

from ..audio_stream import (
    SILK_20_MS,
    START,
    STEP,
    Weather,
    number_of,
    opus_payload,
    packet,
    plain_packets,
    play,
    red_packets,
)

WITH_REDUNDANCY = SILK_20_MS + b"\x40"  # first octet of the frame: voice flag clear, redundancy flag set


def delays(live: list[tuple[float, Step]], network_delay: float = 0.05) -> list[float]:
    """How much later than its arrival would have been on an unhurried network each frame came out."""
    return [at - (START + 0.02 * number_of(step) + network_delay) for at, step in live if step.frame]


def assert_contiguous(steps: list[tuple[float, Step]]) -> None:
    """Steps of one stream follow each other without gap or overlap."""
    for (_, one), (_, other) in itertools.pairwise(steps):
        if not other.is_gap:
            assert other.media_time == pytest.approx(one.media_time + one.duration / one.codec.clock_rate, abs=1e-6)


def test_a_clean_network_adds_no_delay() -> None:
    """The whole stream comes out as it comes in."""
    outcome = play(Weather().carry(plain_packets(range(500))), until=START + 10.0)
    assert outcome.numbers() == list(range(500))
    assert max(delays(outcome.live)) < 1e-6
    assert_contiguous(outcome.live)


def test_an_even_flow_is_twenty_milliseconds_behind_on_a_clean_network() -> None:
    outcome = play(Weather(jitter=0.004).carry(plain_packets(range(500))), is_even=True, until=START + 10.06)
    assert outcome.numbers() == list(range(500))
    assert min(delays(outcome.live)) > 0.015
    assert max(delays(outcome.live)) <= 0.040
    spacing = [b - a for (a, _), (b, _) in itertools.pairwise(outcome.live[20:])]
    assert max(spacing) < 0.0215
    assert min(spacing) > 0.0185


def test_reordering_within_the_target_is_put_right() -> None:
    """Every other pair swapped: all frames, in order, nothing made up."""
    sent = plain_packets(range(200))
    arrivals = []
    for first, second in zip(sent[::2], sent[1::2], strict=True):
        arrivals += [(second[0] + 0.05, second[1]), (second[0] + 0.0501, first[1])]
    outcome = play(arrivals, until=START + 4.05)
    assert outcome.numbers() == list(range(1, 200))  # the very first has nobody to wait for
    assert outcome.fates() == {Fate.RECEIVED: 199}


def test_the_target_follows_jitter_up_and_down() -> None:
    """30 ms of jitter: nearly every frame in time; calm again: the delay goes back."""
    rough = Weather(jitter=0.03, seed=3).carry(plain_packets(range(1000)))
    calm = Weather().carry(plain_packets(range(1000, 2500)))
    targets: list[float] = []

    def watch(inbound: InboundAudio) -> None:
        targets.append(inbound._live.delay.target)  # type: ignore[union-attr]

    outcome = play(sorted(rough + calm, key=lambda pair: pair[0]), until=START + 50.0, check=watch)
    assert 0.025 <= max(targets) <= 0.05  # packets overtake each other, which looks like loss at first
    assert targets[-1] == pytest.approx(0.02)
    assert outcome.fates()[Fate.CONCEALED] <= 25
    assert outcome.numbers() == sorted(outcome.numbers())
    assert_contiguous(outcome.live)


def test_a_lost_frame_is_concealed_at_its_deadline() -> None:
    arrivals = [one for one in Weather().carry(plain_packets(range(100))) if one[1].sequence_number != 50]
    outcome = play(arrivals, until=START + 2.0)
    assert outcome.fates() == {Fate.RECEIVED: 99, Fate.CONCEALED: 1}
    [(at, _)] = [(at, step) for at, step in outcome.live if step.fate is Fate.CONCEALED]
    assert at <= START + 50 * 0.02 + 0.05 + 0.041  # one frame of patience: there might have been redundancy
    assert_contiguous(outcome.live)


def test_in_band_redundancy_stands_in_for_a_lost_frame() -> None:
    """The step names the frame after the lost one, which follows in its own right."""
    sent = [(START + 0.02 * n, packet(n, WITH_REDUNDANCY + bytes([n]) * 20)) for n in range(50)]
    arrivals = [one for one in Weather().carry(sent) if one[1].sequence_number not in (20, 30, 31)]
    outcome = play(arrivals, until=START + 1.0)
    fates = [step.fate for _, step in outcome.live]
    assert Counter(fates) == {Fate.RECEIVED: 47, Fate.RECOVERED: 2, Fate.CONCEALED: 1}
    recovered, follower = outcome.live[20][1], outcome.live[21][1]
    assert (recovered.fate, follower.fate) == (Fate.RECOVERED, Fate.RECEIVED)
    assert recovered.frame == follower.frame
    assert fates[30:32] == [Fate.CONCEALED, Fate.RECOVERED]


def test_copies_reach_the_live_outlet_in_time() -> None:
    """F36: at 5 % random loss fewer than 1 % of the frames are made up, once the outlet knows that frames get lost."""
    outcome = play(Weather(loss=0.05, seed=5).carry(red_packets(range(5000))), until=START + 100.0)
    fates = outcome.fates()
    assert fates[Fate.COPIED] > 150
    assert fates[Fate.CONCEALED] <= 50
    assert_contiguous(outcome.live)


def test_discontinuous_transmission_is_silence_and_no_loss() -> None:
    """F19: sequence numbers go on, timestamps jump by 400 ms; the gap is filled with silence as time goes by."""
    arrivals = [(START + 0.02 * n, packet(n, opus_payload(n))) for n in range(10)]
    arrivals.append((START + 0.2, packet(10, b"\xf8", timestamp=10 * STEP)))  # one octet: silence begins
    arrivals += [
        (START + 0.02 * (n + 20), packet(n, opus_payload(n), timestamp=(n + 20) * STEP)) for n in range(11, 20)
    ]
    outcome = play(arrivals, until=START + 0.78)
    fates = [step.fate for _, step in outcome.live]
    assert fates == [Fate.RECEIVED] * 11 + [Fate.SILENCE] * 20 + [Fate.RECEIVED] * 9
    silences = [at for at, step in outcome.live if step.fate is Fate.SILENCE]
    assert max(b - a for a, b in itertools.pairwise(silences)) == pytest.approx(0.02, abs=1e-3)
    assert_contiguous(outcome.live)


def test_an_unannounced_silence_is_known_once_the_peer_goes_on() -> None:
    """F19: no packet is missing between the two, so nothing was lost."""
    arrivals = [(START, packet(1, opus_payload(1))), (START + 0.1, packet(2, opus_payload(2), timestamp=6 * STEP))]
    outcome = play(arrivals, until=START + 0.1)
    assert [step.fate for _, step in outcome.live] == [Fate.RECEIVED, *[Fate.SILENCE] * 4, Fate.RECEIVED]


def test_a_short_outage_loses_nothing() -> None:
    """150 ms of nothing, then everything at once."""
    held = START + 0.05 + 0.02 * 57
    sent = Weather().carry(plain_packets(range(100)))
    arrivals = [(held if 50 <= rtp.sequence_number < 57 else at, rtp) for at, rtp in sent]
    outcome = play(sorted(arrivals, key=lambda pair: (pair[0], pair[1].sequence_number)), until=START + 2.0)
    assert outcome.numbers() == list(range(100))


def test_silence_ends_the_filling_after_a_second_and_a_word_begins_it_anew() -> None:
    """A peer that stops costs no timers; media time jumps where it goes on."""
    sent = plain_packets([*range(50), *range(500, 550)])
    renumbered = [(at, rtp._replace(sequence_number=n)) for n, (at, rtp) in enumerate(sent)]
    outcome = play(Weather().carry(renumbered), until=START + 11.05)
    fates = outcome.fates()
    assert fates[Fate.RECEIVED] == 100
    assert 45 <= fates[Fate.CONCEALED] <= 51
    [jump] = [step for _, step in outcome.live if step.is_gap]
    assert jump.media_time == pytest.approx(10.0)
    assert len(outcome.live) < 155


def test_a_late_route_change_is_followed() -> None:
    """Half a second more delay from one packet to the next: after it the frames come out again."""
    before = Weather().carry(plain_packets(range(100)))
    after = Weather(delay=0.55).carry(plain_packets(range(100, 200)))
    outcome = play(before + after, until=START + 4.5)
    assert set(range(130, 200)) <= set(outcome.numbers())
    assert_contiguous(outcome.live)


def test_another_voice_begins_a_stream_when_the_first_is_silent() -> None:
    """Media time goes on with the clock."""
    first = Weather().carry(plain_packets(range(50)))
    intruder = [(at + 0.005, rtp._replace(ssrc=8, timestamp=12345)) for at, rtp in first[10:20]]
    later = Weather().carry(plain_packets(range(80, 100)))
    second = [(at, rtp._replace(ssrc=9, timestamp=rtp.timestamp + 777)) for at, rtp in later]
    outcome = play(sorted(first + intruder + second, key=lambda pair: pair[0]), until=START + 2.0)
    assert outcome.numbers() == [*range(50), *range(80, 100)]
    [begun] = [step for _, step in outcome.live if step.is_gap]
    assert begun.media_time == pytest.approx(1.6)


@pytest.mark.parametrize("seed", range(5))
def test_wild_numbers_cost_bounded_work(seed: int) -> None:
    """Timestamps and sequence numbers at random: no loop, no hours of filling."""
    source = random.Random(seed)
    arrivals = [
        (
            START + 0.01 * n,
            packet(source.getrandbits(16), opus_payload(n), timestamp=source.choice([n * 480, source.getrandbits(32)])),
        )
        for n in range(400)
    ]
    outcome = play(arrivals, until=START + 10.0)
    assert len(outcome.live) < 400 * 60
    assert len(outcome.transcript) < 400 * 60
