"""The demo's measures: same audio is 1, other audio is not, and a round trip belongs to one packet."""

from __future__ import annotations

import numpy as np
import pytest

from rtcsplit.cli.demo.measure import RoundTrips, align, compare, level_dbov, percentile
from rtcsplit.cli.demo.report import LIMITS
from rtcsplit.cli.demo.speech import SPEECH_FILE, read_wave

SAMPLES, RATE = read_wave(SPEECH_FILE)
SPEECH = SAMPLES.astype(np.float64)
THRESHOLD = LIMITS["similarity at least, of one"]


def without_packets(share: float) -> np.ndarray:
    """The speech with this share of its 20 ms packets silent."""
    packets = SPEECH.copy().reshape(-1, RATE // 50)
    packets[np.random.default_rng(7).random(len(packets)) < share] = 0.0
    return packets.ravel()


@pytest.mark.parametrize(
    ("returned", "delay"),
    [
        pytest.param(SPEECH, 0.0, id="equal"),
        pytest.param(SPEECH * 0.2, 0.0, id="quieter"),
        pytest.param(np.concatenate([np.zeros(4000), SPEECH]), 0.25, id="later"),
        pytest.param(SPEECH[320:], -0.02, id="first-packet-missing"),
        pytest.param(without_packets(0.02), 0.0, id="two-of-hundred-packets-missing"),
    ],
)
def test_same_speech_is_similar(returned: np.ndarray, delay: float) -> None:
    similarity = compare(SPEECH, returned, RATE)
    assert similarity.envelopes >= 0.98
    assert similarity.delay == pytest.approx(delay, abs=1e-4)


@pytest.mark.parametrize(
    "returned",
    [
        pytest.param(np.zeros(len(SPEECH)), id="silence"),
        pytest.param(np.zeros(0), id="nothing"),
        pytest.param(SPEECH[::-1], id="reversed"),
        pytest.param(np.random.default_rng(1).normal(0.0, 2000.0, len(SPEECH)), id="noise"),
        pytest.param(np.roll(SPEECH, len(SPEECH) // 2)[: len(SPEECH) // 2], id="half-of-it"),
        pytest.param(without_packets(0.3), id="third-of-packets-missing"),
    ],
)
def test_other_or_missing_audio_is_below_the_limit(returned: np.ndarray) -> None:
    assert compare(SPEECH, returned, RATE).envelopes < THRESHOLD


def test_gain_is_measured_and_does_not_count() -> None:
    similarity = compare(SPEECH, SPEECH * 0.5, RATE)
    assert similarity.gain_db == pytest.approx(-6.02, abs=0.01)
    assert similarity.envelopes == pytest.approx(1.0)


@pytest.mark.parametrize("lag", [-5000, -1, 0, 1, 5000])
def test_alignment_finds_the_lag_in_samples(lag: int) -> None:
    shifted = np.concatenate([np.zeros(lag), SPEECH]) if lag > 0 else SPEECH[-lag:]
    assert align(SPEECH, shifted) == lag


@pytest.mark.parametrize(
    ("samples", "level"),
    [
        pytest.param(np.zeros(100), -127.0, id="silence"),
        pytest.param(np.zeros(0), -127.0, id="nothing"),
        pytest.param(np.full(100, 32768.0), 0.0, id="overload"),
        pytest.param(np.full(100, 3276.8), -20.0, id="tenth"),
    ],
)
def test_level_is_in_db_below_overload(samples: np.ndarray, level: float) -> None:
    assert level_dbov(samples) == pytest.approx(level)


def test_round_trip_belongs_to_the_packet_with_the_same_payload() -> None:
    round_trips = RoundTrips()
    round_trips.packet_sent(b"one", 1.0)
    round_trips.packet_sent(b"two", 1.5)
    assert round_trips.packet_returned(b"two", 2.0) == 0.5
    assert round_trips.packet_returned(b"one", 2.0) == 1.0
    assert round_trips.seconds == [0.5, 1.0]
    assert (round_trips.sent, round_trips.returned, round_trips.foreign) == (2, 2, 0)


def test_payload_that_is_out_twice_is_counted_and_not_timed() -> None:
    round_trips = RoundTrips()
    round_trips.packet_sent(b"silence", 1.0)
    round_trips.packet_sent(b"silence", 1.5)
    assert round_trips.packet_returned(b"silence", 2.0) is None
    assert round_trips.packet_returned(b"silence", 2.5) is None
    assert (round_trips.returned, round_trips.foreign, round_trips.seconds) == (2, 0, [])


def test_payload_that_was_never_sent_or_comes_twice_is_foreign() -> None:
    round_trips = RoundTrips()
    round_trips.packet_sent(b"ours", 1.0)
    round_trips.packet_returned(b"ours", 1.1)
    assert round_trips.packet_returned(b"ours", 1.2) is None
    assert round_trips.packet_returned(b"theirs", 1.3) is None
    assert (round_trips.returned, round_trips.foreign) == (3, 2)


def test_payload_that_came_back_before_it_is_sent_again_is_timed_again() -> None:
    round_trips = RoundTrips()
    for start in (1.0, 2.0):
        round_trips.packet_sent(b"silence", start)
        round_trips.packet_returned(b"silence", start + 0.25)
    assert round_trips.seconds == [0.25, 0.25]


def test_percentile_of_nothing_is_none() -> None:
    assert percentile([], 50) is None
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
