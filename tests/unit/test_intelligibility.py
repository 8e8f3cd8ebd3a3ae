"""Speech through a bad network stays intelligible, by a stated measure; a clean one costs next to no delay."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.voice.loss import live_delays, speech_through
from benchmarks.voice.stoi import aligned, stoi
from tests.audio_stream import Weather
from tests.voice_calls import speech

ORIGINAL = np.frombuffer(speech(), np.int16).astype(float)


def test_the_measure_knows_the_same_from_noise() -> None:
    noise = np.random.default_rng(1).normal(0, ORIGINAL.std(), len(ORIGINAL))
    assert stoi(ORIGINAL, 0.1 * ORIGINAL, 16_000) == pytest.approx(1.0)
    assert stoi(ORIGINAL, ORIGINAL + noise, 16_000) < 0.85
    assert stoi(ORIGINAL, noise, 16_000) < 0.4


def test_a_delay_is_no_damage() -> None:
    late = np.concatenate([np.zeros(137), ORIGINAL])
    original, degraded = aligned(ORIGINAL, late, 200)
    assert stoi(original, degraded, 16_000) == pytest.approx(1.0)


@pytest.mark.parametrize(("protection", "least"), [("red", 0.97), ("fec", 0.93), ("none", 0.93)])
def test_five_percent_of_loss_and_30_ms_of_jitter_leave_speech_intelligible(protection: str, least: float) -> None:
    assert speech_through(Weather(loss=0.05, jitter=0.03, seed=5), protection, 2).intelligibility > least


@pytest.mark.parametrize("is_even", [False, True], ids=["as they come", "even"])
def test_a_clean_network_costs_at_most_40_ms_live(is_even: bool) -> None:
    assert live_delays(Weather(), is_even=is_even).max() <= 0.04
